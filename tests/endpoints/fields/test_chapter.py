"""Each field of a chapter post: what it may be, and what is refused with nothing changed."""

import pytest

from tests.client import Learner
from tests.endpoints.expectations import (
    MISSING,
    MOST,
    NOT_BOOLEAN,
    NOT_SECONDS,
    NOT_WHOLE,
    NULL,
    ask,
    assert_field_refused,
    assert_not_json,
    nothing_changes,
)

NO_SECONDS = (
    "-1",
    "-0.5",
    "-0.0001",
    "2147483648",
    "2147483647.5",
    "-2147483649",
    "1e999",
    "-1e999",
    "1" + "0" * 400,
    "true",
    "false",
    '"60"',
    '""',
    "[]",
    "[60]",
    "{}",
)
NUMBERS = ("watchTime", "lastPosition", "totalChapters")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0", 0),
        ("0.0", 0),
        ("-0.0", 0),
        ("-0", 0),
        ("0.999", 0),
        ("1", 1),
        ("120.75", 120),
        ("1.2e2", 120),
        ("2147483646.999", MOST - 1),
        ("2147483647", MOST),
        ("2147483647.0", MOST),
    ],
)
@pytest.mark.parametrize("field", ["watchTime", "lastPosition"])
def test_seconds_are_kept_whole_and_floored(
    learner: Learner, field: str, sent: str, kept: int
) -> None:
    answer = ask(learner, "chapter", {field: sent})
    assert answer.status == 200
    assert answer.body["chapterProgress"][0][field] == kept


@pytest.mark.parametrize("sent", NO_SECONDS)
@pytest.mark.parametrize("field", ["watchTime", "lastPosition"])
def test_what_is_no_number_of_seconds_is_refused(busy: Learner, field: str, sent: str) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, "chapter", {field: sent}), field, NOT_SECONDS)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("0", 0), ("1", 1), ("8", 8), ("8.0", 8), ("8e0", 8), ("2147483647", MOST)],
)
def test_total_chapters_is_a_whole_number(learner: Learner, sent: str, kept: int) -> None:
    assert ask(learner, "chapter", {"totalChapters": sent}).body["totalChapters"] == kept


@pytest.mark.parametrize("sent", [*NO_SECONDS, "8.5", "0.1"])
def test_what_is_no_whole_number_of_chapters_is_refused(busy: Learner, sent: str) -> None:
    with nothing_changes(busy):
        answer = ask(busy, "chapter", {"totalChapters": sent})
        assert_field_refused(answer, "totalChapters", NOT_WHOLE)


@pytest.mark.parametrize("sent", ["NaN", "Infinity", "-Infinity", "1" + "0" * 5000, "01", "0x10"])
@pytest.mark.parametrize("field", NUMBERS)
def test_a_number_that_json_does_not_have_is_refused(busy: Learner, field: str, sent: str) -> None:
    with nothing_changes(busy):
        assert_not_json(ask(busy, "chapter", {field: sent}))


@pytest.mark.parametrize("completed", ["true", "false"])
def test_completed_is_a_boolean(learner: Learner, completed: str) -> None:
    answer = ask(learner, "chapter", {"completed": completed})
    assert answer.body["chapterProgress"][0]["completed"] is (completed == "true")


@pytest.mark.parametrize("sent", ["0", "1", "1.0", '"true"', '"false"', '""', "[]", "{}"])
def test_a_completed_that_is_no_boolean_is_refused(busy: Learner, sent: str) -> None:
    with nothing_changes(busy):
        answer = ask(busy, "chapter", {"completed": sent})
        assert_field_refused(answer, "completed", NOT_BOOLEAN)


@pytest.mark.parametrize(("sent", "message"), [(None, MISSING), ("null", NULL)])
@pytest.mark.parametrize("field", ["chapterId", "watchTime"])
def test_a_chapter_post_needs_its_required_fields(
    busy: Learner, field: str, sent: str | None, message: str
) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, "chapter", {field: sent}), field, message)


@pytest.mark.parametrize("sent", [None, "null"])
def test_an_optional_field_of_a_chapter_may_be_null_or_left_out(
    learner: Learner, sent: str | None
) -> None:
    optional = dict.fromkeys(["userId", "completed", "lastPosition", "totalChapters"], sent)
    answer = ask(learner, "chapter", {"watchTime": "120.75", **optional})
    assert answer.status == 200
    assert answer.body["totalChapters"] == 0
    assert answer.body["chapterProgress"] == [
        {"chapterId": "chapter-1", "watchTime": 120, "completed": False, "lastPosition": 120}
    ]


@pytest.mark.parametrize("sent", [None, "null"])
def test_a_position_that_is_not_given_is_the_watch_time_of_this_post(
    learner: Learner, sent: str | None
) -> None:
    learner.watch("chapter-1", 90, lastPosition=5)
    answer = ask(learner, "chapter", {"watchTime": "40.9", "lastPosition": sent})
    assert answer.body["chapterProgress"] == [
        {"chapterId": "chapter-1", "watchTime": 90, "completed": False, "lastPosition": 40}
    ]


@pytest.mark.parametrize("sent", [None, "null"])
def test_what_is_not_given_leaves_a_chapter_as_it_was(learner: Learner, sent: str | None) -> None:
    learner.watch("chapter-1", 60, completed=True, totalChapters=2)
    answer = ask(learner, "chapter", {"completed": sent, "totalChapters": sent})
    assert answer.body["chapterProgress"][0]["completed"] is True
    assert (answer.body["totalChapters"], answer.body["completionPercentage"]) == (2, 50)


def test_every_bad_field_of_a_chapter_is_named_at_once(busy: Learner) -> None:
    with nothing_changes(busy):
        answer = ask(busy, "chapter", {"chapterId": "7", "watchTime": None, "completed": "1"})
    assert answer.status == 400
    assert answer.body["fields"] == {
        "chapterId": ["Not a valid string."],
        "watchTime": [MISSING],
        "completed": [NOT_BOOLEAN],
    }
