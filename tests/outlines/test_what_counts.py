"""With an outline only its chapters and quizzes count, at once and for all learners."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from progress_api import (
    Chapter,
    NotEligible,
    Outline,
    OutlineChapter,
    OutlineQuiz,
    OutlineRepository,
    ProgressRepository,
    QuizAttempt,
)
from progress_api.progress.records import Completion, Event
from tests.client import PREFIX, Learner, token
from tests.outlines.conftest import outline, put

COUNTS = ("chaptersCompleted", "totalChapters", "completionPercentage", "certificateEligible")


def counts(body: Any) -> tuple[Any, ...]:
    """What a progress object says about how far the learner is."""
    return tuple(body[name] for name in COUNTS)


def complete(learner: Learner, *chapters: str, of: int = 1) -> Any:
    """Complete these chapters, and return the last body."""
    return [learner.watch(one, completed=True, totalChapters=of).body for one in chapters][-1]


def test_nobody_earns_a_certificate_by_saying_how_many_chapters_there_are(
    author: Learner, student: Learner
) -> None:
    put(author, outline("a", "b", "c", "d"))

    answered = student.watch("a", 0, completed=True, totalChapters=1).body

    assert counts(answered) == counts(student.progress()) == (1, 4, 25, False)
    assert student.complete().status == 400


def test_only_chapters_of_the_outline_count(author: Learner, student: Learner) -> None:
    put(author, outline("a", "b"))

    body = complete(student, "a", "x", "y", of=9)

    assert counts(body) == counts(student.progress()) == (1, 2, 50, False)
    assert [one["chapterId"] for one in body["chapterProgress"]] == ["a", "x", "y"]
    assert body["totalWatchTime"] == 180


def test_every_quiz_of_the_outline_must_be_passed_attempted_or_not(
    author: Learner, student: Learner
) -> None:
    put(author, outline("a", quizzes=("q", "r")))
    assert counts(complete(student, "a")) == (1, 1, 100, False)

    student.answer_quiz("q")
    assert student.complete().status == 400
    body = student.answer_quiz("r").body

    assert counts(body) == counts(student.progress()) == (1, 1, 100, True)
    assert student.complete().status == 200


def test_a_failed_quiz_that_is_not_in_the_outline_counts_for_nothing(
    author: Learner, student: Learner
) -> None:
    put(author, outline("a", quizzes=("q",)))
    complete(student, "a")
    student.answer_quiz("q")

    body = student.answer_quiz("x", 0, passed=False).body

    assert body["certificateEligible"]
    assert len(body["quizScores"]) == 2
    assert student.complete().status == 200


@pytest.mark.parametrize(("percentage", "eligible"), [(49, True), (50, True), (51, False)])
def test_the_outline_says_which_percentage_is_enough(
    author: Learner, student: Learner, percentage: int, *, eligible: bool
) -> None:
    put(author, outline("a", "b", certificatePercentage=percentage))

    body = complete(student, "a")

    assert body["certificateEligible"] == eligible
    assert student.complete().status == (200 if eligible else 400)


@pytest.mark.parametrize(("percentage", "needed"), [(1, 2), (2, 3), (100, 101)])
def test_a_percentage_is_rounded_down_before_it_is_compared(
    engine: Engine, percentage: int, needed: int
) -> None:
    # given a tutorial of which one chapter is less than 1 percent
    ids = [str(number) for number in range(101)]
    outline = Outline(
        chapters=tuple(OutlineChapter(chapter_id=one) for one in ids),
        certificate_percentage=percentage,
    )
    OutlineRepository(engine).put("long", outline)
    progress = ProgressRepository(engine)
    # when
    answers = [
        progress.record_chapter(
            "ada", "long", Chapter(chapter_id=one, watch_time=1, completed=True)
        )
        for one in ids[:needed]
    ]
    # then
    assert [one.certificate_eligible for one in answers] == [False] * (needed - 1) + [True]


def test_an_outline_holds_at_once_for_what_was_recorded_before(
    author: Learner, student: Learner
) -> None:
    complete(student, "a", "b", "c", of=3)
    student.answer_quiz("q", passed=False)
    assert counts(student.progress()) == (3, 3, 100, False)

    put(author, outline("a", "b", "d", "e"))
    assert counts(student.progress()) == (2, 4, 50, False)
    put(author, outline("a", "b"))
    assert counts(student.progress()) == (2, 2, 100, True)
    put(author, outline("d"))
    assert counts(student.progress()) == (0, 1, 0, False)


def test_a_chapter_that_the_author_removes_leaves_nobody_stuck(
    author: Learner, student: Learner
) -> None:
    put(author, outline(*"abcdefghij"))
    complete(student, *"abcdefghi")
    assert student.complete().status == 400

    put(author, outline(*"abcdefghi"))

    assert student.complete().status == 200
    assert student.certificate().status == 200


def test_without_the_outline_all_that_is_recorded_counts_again(
    author: Learner, student: Learner
) -> None:
    put(author, outline("a", "b", "c", quizzes=("r",)))
    complete(student, "a", "x")
    student.answer_quiz("q")
    assert counts(student.progress()) == (1, 3, 33, False)

    author.send("DELETE", "/outline")

    assert counts(student.progress()) == (2, 3, 66, False)
    assert counts(complete(student, "y", of=3)) == counts(student.progress()) == (3, 3, 100, True)


def test_after_an_outline_the_number_of_chapters_only_grows_and_a_shorter_one_makes_it_less(
    author: Learner, student: Learner
) -> None:
    put(author, outline(*"abcdefghij"))
    complete(student, "a")

    author.send("DELETE", "/outline")
    assert complete(student, "b", of=8)["totalChapters"] == 10

    put(author, outline(*"abcdefgh"))
    complete(student, "c")
    author.send("DELETE", "/outline")
    assert complete(student, "d", of=8)["totalChapters"] == 8


def test_earned_stays_earned_whatever_the_outline_says_later(
    author: Learner, student: Learner
) -> None:
    complete(student, "a")
    assert student.complete().status == 200

    put(author, outline("b", "c", quizzes=("q",)))

    for body in (student.progress(), student.watch("z").body, student.complete().body):
        assert (body["certificateEarned"], body["completionPercentage"]) == (True, 100)
        assert (body["chaptersCompleted"], body["totalChapters"]) == (0, 2)


def test_what_is_missing_is_named(author: Learner, student: Learner) -> None:
    put(author, outline("a", "b", "c", quizzes=("q", "r"), certificatePercentage=80))
    complete(student, "b", "x")
    student.answer_quiz("q")

    answer = student.complete()

    assert (answer.status, answer.body["error"]) == (400, "Not eligible for certificate")
    assert answer.body["missing"] == {"chapters": ["a", "c"], "quizzes": ["r"]}
    assert answer.body["detail"] == (
        "The certificate needs 80 percent and every quiz of the tutorial passed: "
        "33 percent is completed, and 1 of 2 quizzes are passed."
    )


def test_at_most_20_of_each_are_named(author: Learner, student: Learner) -> None:
    chapters, quizzes = [[f"{kind}{n}" for n in range(30)] for kind in "cq"]
    put(author, outline(*chapters, quizzes=tuple(quizzes)))
    student.watch("c0", completed=True)

    missing = student.complete().body["missing"]

    assert missing == {"chapters": chapters[1:21], "quizzes": quizzes[:20]}


def test_without_an_outline_nothing_is_named(student: Learner) -> None:
    student.watch("a", completed=True, totalChapters=2)

    assert "missing" not in student.complete().body


def test_nothing_recorded_is_not_found_with_an_outline_too(
    author: Learner, student: Learner
) -> None:
    put(author, outline("a"))

    assert student.complete().status == 404
    assert counts(student.progress()) == (0, 1, 0, False)


def test_the_stored_columns_are_up_to_date_after_a_write(engine: Engine) -> None:
    outlines, progress = OutlineRepository(engine), ProgressRepository(engine)
    outlines.put("intro", Outline(chapters=(OutlineChapter(chapter_id="a"),)))

    progress.record_chapter("ada", "intro", Chapter(chapter_id="a", watch_time=1, completed=True))

    with engine.connect() as connection:
        stored = connection.exec_driver_sql(
            "SELECT total_chapters, chapters_completed, completion_percentage, "
            "certificate_eligible FROM tutorial_progress"
        ).one()
    assert tuple(stored) == (1, 1, 100, True)


def test_answers_are_true_to_one_of_the_outlines_while_authors_and_learners_write(
    author: Learner, student: Learner
) -> None:
    # given two outlines; of both, "a" is completed
    two, four = outline("a", "b"), outline("a", "b", "c", "d")
    put(author, two)
    learners = [replace(student, name=f"{student.name}-{number}") for number in range(16)]

    def write(number: int) -> list[Any]:
        if number < 2:
            return [put(author, (two, four)[number]).status for _ in range(20)]
        learner = learners[number - 2]
        return [counts(learner.watch("a", completed=True).body) for _ in range(20)]

    # when
    with ThreadPoolExecutor(18) as threads:
        statuses, others, *answers = threads.map(write, range(18))
    # then
    assert {*statuses, *others} == {200}
    assert {one for found in answers for one in found} <= {(1, 2, 50, False), (1, 4, 25, False)}
    # ... and what is left is one of the two, whole.
    left = student.send("GET", "/outline").body
    assert [one["chapterId"] for one in left["chapters"]] in (list("ab"), list("abcd"))


@pytest.mark.parametrize("one_trip", [True, False])
def test_events_are_counted_by_the_outline(engine: Engine, *, one_trip: bool) -> None:
    progress = ProgressRepository(engine, one_trip=one_trip)
    quiz = OutlineQuiz(quiz_id="q")
    chapters = tuple(OutlineChapter(chapter_id=one) for one in "ab")
    OutlineRepository(engine).put("intro", Outline(chapters=chapters, quizzes=(quiz,)))
    records: list[Any] = [
        Chapter(chapter_id="a", watch_time=1, completed=True, total_chapters=1),
        Completion("Ada"),
    ]

    refused = progress.record_events("ada", _events(records))

    (_, first), (_, second) = refused.results
    assert first is None
    assert isinstance(second, NotEligible)
    assert second.missing == {"chapters": ["b"], "quizzes": ["q"]}
    records += [
        Chapter(chapter_id="b", watch_time=1, completed=True),
        QuizAttempt(quiz_id="q", score=1, max_score=1, passed=True),
    ]
    recorded = progress.record_events("ada", _events(records))
    assert [error for _, error in recorded.results] == [None] * 4
    certificate = recorded.progress[0].certificate
    assert certificate
    assert certificate.holder_name == "Ada"


def _events(records: list[Any]) -> list[Event]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Event(id=str(number), tutorial_id="intro", at=at, record=record)
        for number, record in enumerate(records)
    ]


def test_the_list_has_the_counts_and_the_title_of_the_outline(
    author: Learner, student: Learner
) -> None:
    complete(student, "a", "x", of=2)
    other = replace(student, tutorial=f"{student.tutorial}-other")
    complete(other, "a", of=3)
    assert listed(student, "completed") == [student.tutorial]

    put(author, outline("a", "b", quizzes=("q",), title="Intro"))

    first, second = student.transport.send("GET", PREFIX, headers_of(student), None).body["items"]
    assert (first["title"], second["title"]) == (None, "Intro")
    assert counts(second) == counts(student.progress()) == (1, 2, 50, False)
    assert counts(first) == counts(other.progress()) == (1, 3, 33, False)
    assert listed(student, "completed") == []
    assert listed(student, "in_progress") == [other.tutorial, student.tutorial]
    put(author, outline("a"))
    assert listed(student, "completed") == [student.tutorial]


def listed(learner: Learner, status: str) -> list[str]:
    path = f"{PREFIX}?status={status}"
    answer = learner.transport.send("GET", path, headers_of(learner), None)
    return [item["tutorialId"] for item in answer.body["items"]]


def headers_of(learner: Learner) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(learner.name)}"}
