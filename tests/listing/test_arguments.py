"""What the list may be asked for (spec 11.3, 11.5)."""

import base64
import hashlib
from dataclasses import replace
from urllib.parse import quote

import orjson
import pytest

from tests import events
from tests.client import Learner, token
from tests.conftest import MakeLearner
from tests.listing.conftest import names, wrong
from tests.rules.conftest import WAYS, MakeService

# What is refused never travels.
pytestmark = pytest.mark.parametrize(
    "way", [WAYS["one-trip"]], ids=["one-trip"], indirect=True, scope="session"
)


def cursor_of(learner: Learner, query: str = "?limit=1") -> str:
    """The cursor after the first page of two tutorials, of which one is completed."""
    for number, tutorial in enumerate("ab"):
        done = {"completed": True, "totalChapters": 1}
        events.recorded(learner.post_events(events.chapter(number, of=tutorial, **done)))
    found = learner.tutorials(query).body["next"]
    assert isinstance(found, str)
    return found


def forged(learner: Learner, watched: object, tutorial: object) -> str:
    """A cursor that is not damaged, for a place that no page ends at."""
    marked = orjson.dumps([learner.name, "all", watched, tutorial])
    mark = base64.urlsafe_b64encode(hashlib.sha256(marked).digest()[:9]).decode()
    place = orjson.dumps([mark, watched, tutorial])
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


@pytest.mark.parametrize("status", ["", "ALL", "done", "all,completed", "null", "all\0"])
def test_an_unknown_status_is_refused(learner: Learner, status: str) -> None:
    assert "in_progress" in wrong(learner.tutorials(f"?status={quote(status)}"), "status")[0]


@pytest.mark.parametrize(
    "limit", ["", "0", "101", "-1", "1.0", "1e1", "+1", " 1", "x", "٣", "9" * 5000, "null"]
)
def test_a_limit_that_is_not_from_1_to_100_is_refused(learner: Learner, limit: str) -> None:
    assert "1 to 100" in wrong(learner.tutorials(f"?limit={quote(limit)}"), "limit")[0]


def test_each_invalid_argument_is_named(learner: Learner) -> None:
    answer = learner.tutorials("?limit=0&status=x")

    assert set(answer.body["fields"]) == {"limit", "status"}


def test_other_parameters_are_ignored_and_of_a_repeated_one_the_first_counts(
    learner: Learner,
) -> None:
    cursor_of(learner)

    assert names(learner.tutorials("?offset=1&limit=1&limit=0")) == ["b"]


@pytest.mark.parametrize(
    "cursor", ["", " ", "x", "!", "null", "W10", "e30", "MQ", "Ünïcode", "\0", "[" * 9, "A" * 60000]
)
def test_what_is_no_cursor_is_refused(learner: Learner, cursor: str) -> None:
    assert wrong(learner.tutorials(f"?cursor={quote(cursor)}"), "cursor")


def test_a_cursor_that_is_damaged_anywhere_is_refused(learner: Learner) -> None:
    cursor = cursor_of(learner)
    damaged = [cursor[:n] + cursor[n + 1 :] for n in range(len(cursor))]
    damaged += [
        cursor[:n] + ("B" if cursor[n] == "A" else "A") + cursor[n + 1 :]
        for n in range(len(cursor))
    ]

    for one in {*damaged, cursor + "A", cursor + "=", cursor[:-1]} - {cursor}:
        assert wrong(learner.tutorials(f"?cursor={one}"), "cursor")


@pytest.mark.parametrize(
    "watched",
    [
        "2026-W01-1",
        "20260105T100500",
        "2026-01-05",
        "2026-01-05\0" + "10:05:00",
        "2026-01-05x10:05:00",
        "2026-01-05T10:05:00+23:59:59.999999",
        "2026-02-30T10:05:00",
        "infinity",
        "now",
        "",
        None,
        5,
        ["2026-01-05T10:05:00"],
    ],
)
def test_a_cursor_with_another_time_never_reaches_the_database(
    learner: Learner, watched: object
) -> None:
    answer = learner.tutorials(f"?cursor={forged(learner, watched, 'intro')}")

    assert wrong(answer, "cursor")


@pytest.mark.parametrize("tutorial", ["", " ", "a\0", None, 5, "x" * 256])
def test_a_cursor_with_another_tutorial_is_refused(learner: Learner, tutorial: object) -> None:
    answer = learner.tutorials(f"?cursor={forged(learner, '-infinity', tutorial)}")

    assert wrong(answer, "cursor")


def test_a_cursor_needs_no_tutorial_of_the_learner(learner: Learner) -> None:
    cursor_of(learner)

    assert names(learner.tutorials(f"?cursor={forged(learner, '9999-01-01T00:00:00', 'z')}")) == [
        "b",
        "a",
    ]


def test_a_cursor_works_only_for_its_learner(make_learner: MakeLearner) -> None:
    ada, bob = make_learner(), make_learner()

    assert wrong(bob.tutorials(f"?cursor={cursor_of(ada)}"), "cursor")


def test_a_cursor_works_only_for_its_status(learner: Learner) -> None:
    cursor = cursor_of(learner, "?limit=1&status=completed")

    assert names(learner.tutorials(f"?status=completed&cursor={cursor}")) == ["a"]
    for other in ("", "&status=all", "&status=in_progress"):
        assert wrong(learner.tutorials(f"?cursor={cursor}{other}"), "cursor")


def test_a_cursor_works_with_another_limit(learner: Learner) -> None:
    assert names(learner.tutorials(f"?limit=50&cursor={cursor_of(learner)}")) == ["a"]


def test_an_admin_lists_the_tutorials_of_another_learner(make_learner: MakeLearner) -> None:
    ada, admin = make_learner(), make_learner()
    bearer = f"Bearer {token(admin.name, scope='progress:admin')}"
    admin = replace(admin, headers={"Authorization": bearer})
    cursor = cursor_of(ada)

    answer = admin.tutorials(f"?userId={ada.name}&cursor={cursor}")

    assert names(answer) == ["a"]
    assert answer.body["items"][0]["userId"] == ada.name
    assert names(admin.tutorials()) == []


def test_a_learner_lists_nobody_elses_tutorials(make_learner: MakeLearner) -> None:
    ada, bob = make_learner(), make_learner()

    assert bob.tutorials(f"?userId={ada.name}").status == 403
    for own in (bob.name, ""):
        assert names(bob.tutorials(f"?userId={own}")) == []


def test_the_list_has_a_limit_of_its_own(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    service = make_service(ratelimit_enabled=True, ratelimit_list="2/minute")
    learner = make_learner(service)

    assert [learner.tutorials().status for _ in range(3)] == [200, 200, 429]
    assert learner.get().status == 200


def test_the_list_may_not_be_stored_and_needs_a_token(learner: Learner) -> None:
    stranger = replace(learner, headers={"Authorization": ""})

    assert learner.tutorials().headers["Cache-Control"] == "no-store"
    assert stranger.tutorials().status == 401
