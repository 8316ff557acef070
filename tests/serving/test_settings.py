"""What a setting changes: HTTPS, whose headers are believed, metrics, log, limits."""

from collections import Counter
from http.client import HTTPConnection

import pytest

from tests.client import PREFIX
from tests.serving.raw import exchange
from tests.serving.service import Service, Wire, new_address, until

SECURE = {"X-Forwarded-Proto": "https"}


def test_plain_http_is_refused_in_json(behind_tls: Service) -> None:
    for answer in (
        behind_tls.learner().watch(),
        Wire(behind_tls).send("GET", f"{PREFIX}/intro"),
        Wire(behind_tls).send("GET", f"{PREFIX}/openapi.json"),
        Wire(behind_tls).send("GET", "/nowhere"),
    ):
        assert answer.status == 403
        assert list(answer.body) == ["error", "detail", "requestId"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_reported_over_plain_http_too(behind_tls: Service, path: str) -> None:
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


def test_metrics_are_on_the_public_port_when_a_setting_says_so(browsed: Service) -> None:
    Wire(browsed).send("GET", "/healthz")
    connection = HTTPConnection("127.0.0.1", browsed.port, timeout=10)

    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'api_requests_total{endpoint="/healthz",status="200"}' in text


def test_a_scrape_by_name_is_no_failure_on_the_public_port_either(
    browsed: Service,
) -> None:
    connection = HTTPConnection("127.0.0.1", browsed.port, timeout=10)

    connection.request("GET", "/metrics?name[]=api_requests_total")
    answer = connection.getresponse()
    answer.read()
    connection.close()

    assert answer.status == 200


def test_metrics_port_0_serves_no_metrics(behind_tls: Service) -> None:
    with pytest.raises(ConnectionRefusedError):
        behind_tls.scrape()


def test_metrics_may_be_kept_in_a_directory_that_the_environment_names(quiet: Service) -> None:
    Wire(quiet).send("GET", "/healthz")

    assert quiet.counted()[("/healthz", "200")] >= 1


def test_log_level_warning_leaves_out_what_is_as_it_should_be(quiet: Service) -> None:
    Wire(quiet).send("GET", "/healthz")
    Wire(quiet).send("GET", "/nowhere")

    assert {line["level"] for line in quiet.lines()} <= {"WARNING", "ERROR"}
    assert not [line for line in quiet.lines() if line["message"] == "request"]


def test_a_new_window_begins_when_the_old_one_is_over(browsed: Service) -> None:
    learner = browsed.learner()
    until(lambda: learner.reset().status == 429)

    until(lambda: learner.reset().status == 200)


def test_with_one_trusted_proxy_the_address_is_the_one_that_it_tells(
    browsed: Service,
) -> None:
    proxy, second_proxy = Wire(browsed, new_address()), Wire(browsed, new_address())
    client, other = new_address(), new_address()

    statuses = Counter(_post(proxy, {"X-Forwarded-For": client}) for _ in range(31))

    assert statuses == {401: 30, 429: 1}
    assert _post(second_proxy, {"X-Forwarded-For": client}) == 429
    assert _post(proxy, {"X-Forwarded-For": other}) == 401


def test_with_one_trusted_proxy_further_hops_are_only_what_a_client_claims(
    browsed: Service,
) -> None:
    proxy, client = Wire(browsed, new_address()), new_address()
    claims = [f"10.2.{n}.1, 10.3.{n}.1" for n in range(31)]

    statuses = Counter(_post(proxy, {"X-Forwarded-For": f"{claim}, {client}"}) for claim in claims)

    assert statuses == {401: 30, 429: 1}


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: , ,x",
        "Authorization: Bearer",
        "Authorization: Bearer \xff",
        "Content-Type: application/json; charset=nonsense",
        "Content-Encoding: gzip",
        "Idempotency-Key: \xff",
        "X-Request-ID: \xff",
        "Origin: \xff",
        "Cookie: \xff=\xff",
        "Host: ]",
        "Connection: nonsense",
        "Upgrade: websocket",
        "Range: bytes=0-1",
        "If-None-Match: *",
    ],
)
def test_no_header_makes_the_service_fail(
    served: Service, browsed: Service, signed_in: dict[str, str], header: str
) -> None:
    body = '{"quizId": "q", "score": 1, "maxScore": 2, "passed": true}'
    name = header.partition(":")[0]
    given = {"Host": "x", "Content-Length": str(len(body))} | signed_in
    lines = [f"{other}: {value}" for other, value in given.items() if other != name]
    head = "\r\n".join([f"POST {PREFIX}/intro/quiz HTTP/1.1", *lines, header])

    for service in (served, browsed):
        answer = exchange(service, f"{head}\r\n\r\n{body}".encode("latin-1"))
        assert answer.status in {200, 400, 401, 415}
        assert isinstance(answer.body, dict)


def _post(client: Wire, headers: dict[str, str]) -> int:
    return client.send("POST", f"{PREFIX}/intro/chapter", headers).status
