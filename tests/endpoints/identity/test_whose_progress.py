"""Whose progress a request may be about."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.client import Answer, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import (
    ENDPOINTS,
    NOT_AN_ID,
    WITH_A_BODY,
    ask,
    assert_field_refused,
    assert_forbidden,
    nothing_changes,
)

ADMIN_SCOPES = [
    "progress:admin",
    "email progress:admin profile",
    ["progress:admin"],
    ["email", "progress:admin", 7, None],
]
NO_ADMIN_SCOPES = [
    None,
    "",
    "progress:administrator",
    "progress",
    "PROGRESS:ADMIN",
    "email,progress:admin",
    [],
    ["email progress:admin"],
    [["progress:admin"]],
    {"progress:admin": True},
    True,
    7,
]
ADMIN = {"scope": "progress:admin"}


def signed_in(learner: Learner, **claims: Any) -> Learner:
    """The same learner with further claims in the token."""
    headers = {"Authorization": f"Bearer {token(learner.name, **claims)}"}
    return Learner(learner.transport, learner.name, headers=headers)


def ask_for(asking: Learner, endpoint: str, name: str, *, at: str) -> Answer:
    """Ask for the progress of a learner, named in the query or in the body."""
    if at == "query":
        return ask(asking, endpoint, query=f"?userId={quote(name, safe='')}")
    return ask(asking, endpoint, {"userId": f'"{name}"'})


@pytest.mark.parametrize(
    ("endpoint", "at"),
    [*((one, "query") for one in ENDPOINTS), *((one, "body") for one in WITH_A_BODY)],
)
class TestNamed:
    """A userId in the query or in the body."""

    def test_a_learner_may_name_themself(self, learner: Learner, endpoint: str, at: str) -> None:
        learner.complete_chapters(1, of=1)
        assert ask_for(learner, endpoint, learner.name, at=at).status == 200

    def test_another_learner_is_forbidden_and_stays_untouched(
        self, busy: Learner, make_learner: MakeLearner, endpoint: str, at: str
    ) -> None:
        other = make_learner()
        other.complete_chapters(1, of=1)
        with nothing_changes(busy), nothing_changes(other):
            assert_forbidden(ask_for(busy, endpoint, other.name, at=at))

    def test_no_response_shows_whether_another_learner_has_progress(
        self, busy: Learner, make_learner: MakeLearner, endpoint: str, at: str
    ) -> None:
        asking, unknown = make_learner(), make_learner()
        told = [ask_for(asking, endpoint, one.name, at=at) for one in (busy, unknown)]
        assert told[0].status == told[1].status == 403
        assert {**told[0].body, "requestId": ""} == {**told[1].body, "requestId": ""}
        assert set(told[0].headers.keys()) == set(told[1].headers.keys())

    def test_an_admin_acts_for_the_learner_who_is_named(
        self, learner: Learner, make_learner: MakeLearner, endpoint: str, at: str
    ) -> None:
        admin = signed_in(make_learner(), **ADMIN)
        learner.complete_chapters(1, of=1)
        with nothing_changes(admin):
            answer = ask_for(admin, endpoint, learner.name, at=at)
        assert answer.status == 200
        if endpoint == "reset":
            assert learner.progress()["chapterProgress"] == []
        else:
            assert answer.body == learner.progress()
            assert answer.body["userId"] == learner.name


@pytest.mark.parametrize("scope", ADMIN_SCOPES)
def test_the_admin_scope_may_be_among_others_in_a_text_or_a_list(
    learner: Learner, make_learner: MakeLearner, scope: object
) -> None:
    admin = signed_in(make_learner(), scope=scope)
    assert ask_for(admin, "get", learner.name, at="query").body["userId"] == learner.name


@pytest.mark.parametrize("scope", NO_ADMIN_SCOPES)
def test_any_other_scope_lets_nobody_act_for_others(
    learner: Learner, make_learner: MakeLearner, scope: object
) -> None:
    asking = signed_in(make_learner(), scope=scope)
    assert_forbidden(ask_for(asking, "get", learner.name, at="query"))
    assert asking.get().status == 200


def test_the_admin_scope_is_a_setting(make_app: MakeApp, make_learner: MakeLearner) -> None:
    app = make_app(progress_admin_scope="school:teacher")
    learner, asking = make_learner(app), make_learner(app)
    teacher = signed_in(asking, scope="school:teacher")
    assert ask_for(teacher, "get", learner.name, at="query").status == 200
    assert_forbidden(ask_for(signed_in(asking, **ADMIN), "get", learner.name, at="query"))


def test_an_admin_who_names_nobody_acts_for_themself(learner: Learner) -> None:
    admin = signed_in(learner, **ADMIN)
    assert admin.watch(userId=None).body["userId"] == learner.name
    assert admin.get("?userId=").body["userId"] == learner.name


@pytest.mark.parametrize("endpoint", WITH_A_BODY)
def test_an_admin_who_names_two_learners_is_refused(
    busy: Learner, make_learner: MakeLearner, endpoint: str
) -> None:
    admin = signed_in(make_learner(), **ADMIN)
    message = "Must be the same in the query and in the body."
    with nothing_changes(busy):
        answer = ask(admin, endpoint, {"userId": '"another"'}, f"?userId={busy.name}")
        assert_field_refused(answer, "userId", message)


@pytest.mark.parametrize("endpoint", WITH_A_BODY)
@pytest.mark.parametrize(
    ("in_query", "in_body"), [("me", "other"), ("other", "me"), ("other", "other")]
)
def test_one_foreign_name_of_two_is_forbidden(
    busy: Learner, make_learner: MakeLearner, endpoint: str, in_query: str, in_body: str
) -> None:
    names = {"me": busy.name, "other": make_learner().name}
    with nothing_changes(busy):
        query = f"?userId={names[in_query]}"
        assert_forbidden(ask(busy, endpoint, {"userId": f'"{names[in_body]}"'}, query))


@pytest.mark.parametrize("query", ["?userId=other&userId={me}", "?userId={me}&userId=other"])
def test_a_second_user_id_in_the_query_is_seen(busy: Learner, query: str) -> None:
    with nothing_changes(busy):
        for endpoint in ("get", "reset"):
            assert_forbidden(ask(busy, endpoint, query=query.format(me=busy.name)))


@pytest.mark.parametrize("query", ["?userId={me}&x=%FF", "?%FF&userId={me}", "?%75serI%64={me}"])
def test_what_else_a_query_holds_is_nobody_s_business(learner: Learner, query: str) -> None:
    assert learner.get(query.format(me=learner.name)).body["userId"] == learner.name


@pytest.mark.parametrize("query", ["", "?userId=", "?userid=other", "?user_id=other", "?x=1"])
def test_a_query_that_names_nobody_is_about_the_learner(learner: Learner, query: str) -> None:
    assert learner.get(query).body["userId"] == learner.name


@pytest.mark.parametrize("user_id", ["%20", "%00", "a%00", "x" * 256, "%FF", "a%C3"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_user_id_in_the_query_that_is_no_id_is_refused(
    busy: Learner, endpoint: str, user_id: str
) -> None:
    with nothing_changes(busy):
        answer = ask(busy, endpoint, query=f"?userId={user_id}")
        assert_field_refused(answer, "userId", NOT_AN_ID)


def test_learners_do_not_see_each_others_progress(
    learner: Learner, make_learner: MakeLearner
) -> None:
    other = make_learner()
    learner.watch(seconds=7)
    other.watch(seconds=9)
    other.reset()
    assert learner.progress()["totalWatchTime"] == 7
    assert other.progress()["chapterProgress"] == []
