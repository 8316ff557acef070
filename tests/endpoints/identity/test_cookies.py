"""Tokens in cookies, where the settings want them: with CSRF's double submit."""

from typing import Any

import pytest

from tests.client import Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import ENDPOINTS, ask, assert_unauthenticated, nothing_changes

CHANGING = ("chapter", "quiz", "complete", "reset")
CSRF = "the double"


def with_cookie(learner: Learner, double: str | None = None, **claims: Any) -> Learner:
    """The same learner, with the token in a cookie and none in Authorization."""
    cookie = f"access_token_cookie={token(learner.name, **{'csrf': CSRF, **claims})}"
    headers = {"Authorization": "", "Cookie": cookie}
    if double is not None:
        headers["X-CSRF-TOKEN"] = double
    return Learner(learner.transport, learner.name, headers=headers)


@pytest.fixture
def browser(make_app: MakeApp, make_learner: MakeLearner) -> Learner:
    """A learner of a service that takes its tokens from cookies."""
    return make_learner(make_app(jwt_token_location=("cookies",)))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_cookie_and_its_double_are_accepted(browser: Learner, endpoint: str) -> None:
    learner = with_cookie(browser, CSRF)
    learner.complete_chapters(1, of=1)
    assert ask(learner, endpoint).status == 200


def test_reading_needs_no_double(browser: Learner) -> None:
    assert with_cookie(browser).progress()["userId"] == browser.name


@pytest.mark.parametrize("double", [None, "", "another", "\u00e9", CSRF + " x"])
@pytest.mark.parametrize("endpoint", CHANGING)
def test_a_change_without_the_double_is_refused(
    browser: Learner, endpoint: str, double: str | None
) -> None:
    with_cookie(browser, CSRF).complete_chapters(1, of=1)
    with nothing_changes(with_cookie(browser)):
        assert_unauthenticated(ask(with_cookie(browser, double), endpoint))


@pytest.mark.parametrize("claim", [None, 7, ["the double"], "\u00e9"])
def test_a_cookie_whose_token_holds_no_such_double_is_refused(
    browser: Learner, claim: object
) -> None:
    assert_unauthenticated(with_cookie(browser, CSRF, csrf=claim).watch())


@pytest.mark.parametrize(
    "cookie", ["", "access_token_cookie=", "access_token_cookie=a.b.c", "=;=,"]
)
def test_a_cookie_without_a_token_is_refused(browser: Learner, cookie: str) -> None:
    assert_unauthenticated(browser.send("GET", headers={"Cookie": cookie}))


def test_cookies_alone_means_no_header(browser: Learner) -> None:
    assert_unauthenticated(browser.get())


def test_headers_alone_means_no_cookie(learner: Learner) -> None:
    assert_unauthenticated(with_cookie(learner, CSRF).get())


def test_both_are_accepted_where_both_are_set(make_app: MakeApp, make_learner: MakeLearner) -> None:
    learner = make_learner(make_app(jwt_token_location=("headers", "cookies")))
    assert learner.watch().status == 200
    assert with_cookie(learner, CSRF).watch().status == 200
    assert_unauthenticated(with_cookie(learner).watch())


def test_a_cookie_counts_where_the_header_has_another_scheme(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    learner = with_cookie(make_learner(make_app(jwt_token_location=("headers", "cookies"))), CSRF)
    assert learner.send("GET", headers={"Authorization": "Basic bGVhcm5lcjpwYXNz"}).status == 200
