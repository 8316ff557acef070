"""Browsers on other origins: a preflight before each kind of request."""

from collections.abc import Mapping

import pytest

from tests.client import PREFIX, Learner
from tests.serving.conftest import LOCAL_ORIGIN, ORIGIN
from tests.serving.service import Service, Wire, new_address

KINDS = [
    ("GET", "intro", "authorization,content-type"),
    ("POST", "intro/chapter", "authorization,content-type"),
    ("POST", "intro/quiz", "authorization,content-type,idempotency-key"),
    ("POST", "intro/complete", "authorization,content-type"),
    ("DELETE", "intro", "authorization,content-type"),
    ("GET", "a%2Fb", "authorization,content-type,x-request-id"),
]
RATE_LIMIT = {f"X-RateLimit-{name}" for name in ("Limit", "Remaining", "Reset")}
READABLE = {"Retry-After", "X-Request-ID"} | RATE_LIMIT


@pytest.fixture
def page(browsed: Service) -> Learner:
    """A learner whose browser shows a page of the configured origin."""
    return browsed.learner(headers={"Origin": ORIGIN})


@pytest.mark.parametrize(("method", "path", "headers"), KINDS)
def test_a_preflight_from_a_configured_origin_allows_each_kind_of_request(
    browsed: Service, method: str, path: str, headers: str
) -> None:
    asked = _preflight(ORIGIN, method, headers)

    answer = Wire(browsed, new_address()).send("OPTIONS", f"{PREFIX}/{path}", asked)

    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in _names(answer.headers["Access-Control-Allow-Methods"])
    allowed = _names(answer.headers["Access-Control-Allow-Headers"].lower())
    assert set(headers.split(",")) <= allowed
    assert int(answer.headers["Access-Control-Max-Age"]) == 7200
    assert "Origin" in _names(answer.headers["Vary"])


def test_an_origin_may_be_an_ipv6_address(browsed: Service) -> None:
    answer = browsed.learner(headers={"Origin": LOCAL_ORIGIN}).get()

    assert answer.headers.get("Access-Control-Allow-Origin") == LOCAL_ORIGIN


def test_preflights_have_no_limit_and_spend_none(browsed: Service) -> None:
    address = new_address()
    client = Wire(browsed, address)
    asked = _preflight(ORIGIN, "POST", "authorization")
    path = f"{PREFIX}/intro/complete"

    statuses = {client.send("OPTIONS", path, asked).status for _ in range(31)}

    assert statuses == {200}
    assert client.send("POST", path).status == 401


def test_the_answer_itself_may_be_read_by_the_page(page: Learner) -> None:
    answer = page.watch()

    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert _exposed(answer.headers) >= READABLE
    assert "Origin" in _names(answer.headers["Vary"])


def test_every_error_may_be_read_by_the_page(browsed: Service, page: Learner) -> None:
    anyone = Wire(browsed, new_address())
    for _ in range(4):
        page.complete()

    for status, answer in {
        400: page.watch(seconds=-1),
        401: anyone.send("GET", f"{PREFIX}/intro", {"Origin": ORIGIN}),
        403: page.get("?userId=another"),
        404: page.complete(),
        405: page.send("PUT"),
        413: page.send("POST", "/chapter", b" " * 65537),
        429: page.complete(),
    }.items():
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert _exposed(answer.headers) >= READABLE
        assert "Origin" in _names(answer.headers["Vary"])


def test_an_address_that_is_not_there_is_an_error_that_the_page_may_read(
    browsed: Service,
) -> None:
    answer = Wire(browsed).send("GET", "/v1/nowhere", {"Origin": ORIGIN})

    assert answer.status == 404
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "https://appxexample",
        "http://::3000",
        "null",
        "*",
    ],
)
def test_another_origin_is_allowed_nothing(browsed: Service, origin: str) -> None:
    learner = browsed.learner(headers={"Origin": origin})
    asked = _preflight(origin, "POST", "authorization")

    for answer in (
        Wire(browsed).send("OPTIONS", f"{PREFIX}/intro/chapter", asked),
        learner.watch(),
        learner.complete("no object"),
    ):
        assert not _allowances(answer.headers)


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://other.example"}])
def test_no_cache_may_give_a_page_what_was_answered_to_another_origin(
    browsed: Service, headers: dict[str, str]
) -> None:
    answer = browsed.learner(headers=headers).get()

    assert "Origin" in _names(answer.headers.get("Vary", ""))


def test_no_origin_is_allowed_anything_when_none_is_configured(served: Service) -> None:
    learner = served.learner(headers={"Origin": ORIGIN})
    asked = _preflight(ORIGIN, "POST", "authorization")
    preflight = Wire(served).send("OPTIONS", f"{PREFIX}/intro/chapter", asked)

    assert not _allowances(preflight.headers)
    assert not _allowances(learner.watch().headers)


def test_credentials_are_not_allowed_where_tokens_come_in_a_header(page: Learner) -> None:
    assert "Access-Control-Allow-Credentials" not in page.watch().headers


def _preflight(origin: str, method: str, headers: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


def _names(header: str) -> set[str]:
    return {name.strip() for name in header.split(",")}


def _exposed(headers: Mapping[str, str]) -> set[str]:
    return _names(headers["Access-Control-Expose-Headers"])


def _allowances(headers: Mapping[str, str]) -> list[str]:
    return [name for name in headers if name.lower().startswith("access-control")]
