"""How much one learner may ask for, and whose allowance a request spends."""

import time
from typing import Any

import pytest
from flask import Flask

from tests.client import JSON, PREFIX, Answer, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import ENDPOINTS, ask, assert_refused, assert_unauthenticated

OTHER_SECRET = "another secret, also of more than 32 bytes"
GUIDES = {"get": 60, "chapter": 30, "quiz": 10, "complete": 5, "reset": 5}


@pytest.fixture
def limited(make_app: MakeApp) -> Flask:
    """A service with the guide's limits, nothing spent yet."""
    return make_app(ratelimit_enabled=True)


def assert_limited(answer: Answer, limit: int, window: str = "1 minute") -> None:
    """The answer is 429, and says when to come back."""
    seconds = int(answer.headers["Retry-After"])
    told = f"More such requests than {limit} per {window} are not allowed"
    detail = f"{told}; try again in {seconds} s."
    assert_refused(answer, 429, "Too many requests", detail)
    assert 1 <= seconds <= 60
    headers = {name: answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining")}
    assert headers == {"Limit": str(limit), "Remaining": "0"}
    assert abs(int(answer.headers["X-RateLimit-Reset"]) - (time.time() + seconds)) < 3


def spend(learner: Learner, endpoint: str, times: int) -> None:
    """Ask so often, and never get a 429."""
    assert 429 not in {ask(learner, endpoint).status for _ in range(times)}


@pytest.mark.parametrize(("endpoint", "limit"), GUIDES.items())
def test_each_endpoint_has_the_guides_limit(
    limited: Flask, make_learner: MakeLearner, endpoint: str, limit: int
) -> None:
    learner = make_learner(limited)
    spend(learner, endpoint, limit)
    for _ in range(2):
        assert_limited(ask(learner, endpoint), limit)


def test_a_chapter_post_that_is_one_too_many_changes_nothing(
    limited: Flask, make_learner: MakeLearner
) -> None:
    learner = make_learner(limited)
    spend(learner, "chapter", 30)
    before = learner.progress()
    assert_limited(learner.watch("chapter-31", 999), 30)
    assert learner.progress() == before


def test_the_limit_of_one_endpoint_leaves_the_others_alone(
    limited: Flask, make_learner: MakeLearner
) -> None:
    learner = make_learner(limited)
    spend(learner, "complete", 5)
    assert_limited(learner.complete(), 5)
    for endpoint in ENDPOINTS.keys() - {"complete"}:
        assert ask(learner, endpoint).status == 200


def test_the_limit_is_the_learners_over_all_tutorials(
    limited: Flask, make_learner: MakeLearner
) -> None:
    learner = make_learner(limited)
    spend(learner, "reset", 5)
    other = Learner(learner.transport, learner.name, tutorial="another")
    assert_limited(other.reset(), 5)


def test_one_learners_limit_does_not_touch_anothers(
    limited: Flask, make_learner: MakeLearner
) -> None:
    learner, other = make_learner(limited), make_learner(limited)
    spend(learner, "quiz", 10)
    assert_limited(learner.answer_quiz(), 10)
    spend(other, "quiz", 10)


def test_a_refused_request_is_spent_as_well(limited: Flask, make_learner: MakeLearner) -> None:
    learner = make_learner(limited)
    for _ in range(5):
        assert learner.complete({"userId": "another"}).status == 403
    assert_limited(learner.complete(), 5)


def test_an_admin_spends_their_own_allowance(limited: Flask, make_learner: MakeLearner) -> None:
    learner = make_learner(limited)
    headers = {"Authorization": f"Bearer {token('an admin', scope='progress:admin')}"}
    admin = Learner(learner.transport, "an admin", headers=headers)
    spend(learner, "reset", 4)
    for _ in range(5):
        assert admin.reset(f"?userId={learner.name}").status == 200
    assert_limited(admin.reset(f"?userId={learner.name}"), 5)
    assert learner.reset().status == 200


def test_a_forged_token_spends_the_addresss_allowance_never_the_named_learners(
    limited: Flask, make_learner: MakeLearner
) -> None:
    learner = make_learner(limited)
    forged = {"Authorization": f"Bearer {token(learner.name, key=OTHER_SECRET)}"}
    for _ in range(30):
        assert_unauthenticated(learner.send("POST", "/chapter", b"{}", forged))
    assert_limited(learner.send("POST", "/chapter", b"{}", forged), 30)
    assert_limited(learner.send("POST", "/chapter", b"{}", {"Authorization": ""}), 30)
    spend(learner, "chapter", 30)


@pytest.mark.parametrize(
    "header", [{"X-Forwarded-For": "203.0.113.{}"}, {"Forwarded": "for=203.0.113.{}"}]
)
def test_a_stranger_has_no_more_by_claiming_other_addresses(
    limited: Flask, header: dict[str, str]
) -> None:
    for number in range(6):
        given = {name: value.format(number) for name, value in header.items()}
        answer = InProcess(limited).send("POST", f"{PREFIX}/intro/complete", JSON | given, None)
    assert_limited(answer, 5)


def test_a_preflight_and_an_unknown_route_are_not_limited(
    limited: Flask, make_learner: MakeLearner
) -> None:
    learner = make_learner(limited)
    assert {learner.send("OPTIONS", "/complete").status for _ in range(20)} == {200}
    assert {learner.send("GET", "/nothing").status for _ in range(70)} == {404}
    assert {learner.send("GET", "/complete").status for _ in range(20)} == {405}
    spend(learner, "complete", 5)


@pytest.mark.parametrize(
    ("settings", "endpoint", "limit"),
    [
        ({"ratelimit_get": "2/minute"}, "get", 2),
        ({"ratelimit_chapter": "3 per minute"}, "chapter", 3),
        ({"ratelimit_quiz": "1/minute"}, "quiz", 1),
        ({"ratelimit_complete": "7/minute"}, "complete", 7),
        ({"ratelimit_reset": "6/minute"}, "reset", 6),
    ],
)
def test_each_limit_is_a_setting(
    make_app: MakeApp,
    make_learner: MakeLearner,
    settings: dict[str, Any],
    endpoint: str,
    limit: int,
) -> None:
    learner = make_learner(make_app(ratelimit_enabled=True, **settings))
    spend(learner, endpoint, limit)
    assert_limited(ask(learner, endpoint), limit)


def test_without_limits_nobody_waits(make_app: MakeApp, make_learner: MakeLearner) -> None:
    learner = make_learner(make_app(ratelimit_enabled=False, ratelimit_complete="1/minute"))
    spend(learner, "complete", 20)
    headers = {"Authorization": ""}
    assert {learner.send("GET", headers=headers).status for _ in range(70)} == {401}
