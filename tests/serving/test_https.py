"""HTTPS by setting, and headers that only a configured proxy may send (contract)."""

import pytest

from tests.client import PREFIX
from tests.serving.raw import exchange
from tests.serving.service import Service, Wire

SECURE = {"X-Forwarded-Proto": "https"}


def test_plain_http_is_refused_in_json(behind_tls: Service) -> None:
    for answer in (
        behind_tls.learner().watch(),
        Wire(behind_tls).send("GET", f"{PREFIX}/intro"),
        Wire(behind_tls).send("GET", "/nowhere"),
    ):
        assert answer.status == 403
        assert list(answer.body) == ["error", "detail", "requestId"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_told_over_plain_http_too(behind_tls: Service, path: str) -> None:
    assert Wire(behind_tls).send("GET", path).status == 200


def test_what_the_proxy_received_over_https_is_served_and_stays_https(
    behind_tls: Service,
) -> None:
    learner = behind_tls.learner(headers=SECURE)

    for answer in (learner.watch(), learner.watch(seconds=-1), learner.send("PUT")):
        assert answer.status in {200, 400, 405}
        age = answer.headers["Strict-Transport-Security"].partition(";")[0]
        assert int(age.removeprefix("max-age=")) >= 31536000


@pytest.mark.parametrize(
    ("told", "status"), [("http, https", 200), ("https, http", 403), ("http", 403)]
)
def test_only_the_nearest_proxy_is_believed(behind_tls: Service, told: str, status: int) -> None:
    learner = behind_tls.learner(headers={"X-Forwarded-Proto": told})

    assert learner.get().status == status


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Protocol", "ssl"),
        ("X-Forwarded-Ssl", "on"),
        ("X-Forwarded-Scheme", "https"),
        ("Forwarded", "proto=https"),
        ("Front-End-Https", "on"),
        ("wsgi.url_scheme", "https"),
    ],
)
def test_without_a_trusted_proxy_nobody_is_believed_to_use_https(
    quiet: Service, header: str, value: str
) -> None:
    assert quiet.learner(headers={header: value}).get().status == 403


def test_an_address_that_says_https_does_not_make_it_so(quiet: Service) -> None:
    target = f"GET https://127.0.0.1{PREFIX}/intro HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    answer = exchange(quiet, target.encode())

    assert answer.status == 403
    assert answer.body["error"]


def test_hsts_is_sent_only_when_a_setting_asks_for_it(served: Service) -> None:
    answer = served.learner(headers=SECURE).get()

    assert answer.status == 200
    assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(
    "header",
    [
        "SCRIPT_NAME",
        "SCRIPT-NAME",
        "X-Script-Name",
        "X-Forwarded-Prefix",
        "PATH_INFO",
        "X-Original-URL",
        "X-Rewrite-URL",
        "REQUEST_URI",
        "RAW_URI",
    ],
)
@pytest.mark.parametrize("value", ["/v1", "/v1/tutorials/progress/intro", "nonsense"])
def test_no_header_moves_a_request_to_another_path(
    served: Service, behind_tls: Service, header: str, value: str
) -> None:
    for learner in (
        served.learner(headers={header: value}),
        behind_tls.learner(headers={header: value} | SECURE),
    ):
        answer = learner.get()
        assert answer.status == 200
        assert answer.body["tutorialId"] == "intro"

    moved = Wire(served).send("GET", "/moved/healthz", {header: "/moved"})
    assert moved.status == 404
