"""A report counts what each learner's GET says (spec 15.1 to 15.3)."""

import csv
import io
import random
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.client import Learner
from tests.conftest import MakeApp, MakeLearner
from tests.reports.conftest import (
    all_learners,
    as_csv,
    as_teacher,
    new_tutorial,
    one_decimal,
    pupil,
    put_outline,
    report,
)

OUTLINE = {
    "title": "Intro",
    "chapters": [
        {"chapterId": "c2", "title": "Second"},
        {"chapterId": "c0"},
        {"chapterId": "never"},
    ],
    "quizzes": [{"quizId": "q1", "title": "Quiz"}, {"quizId": "never"}],
    "certificatePercentage": 60,
}


def test_a_tutorial_that_nobody_has_begun_has_zeros(teacher: Learner) -> None:
    found = report(teacher)

    as_of = datetime.fromisoformat(found.pop("asOf"))
    assert abs(datetime.now(as_of.tzinfo) - as_of) < timedelta(minutes=1)
    assert found == {
        "tutorialId": teacher.tutorial,
        "title": None,
        "learners": 0,
        "activeLearners": 0,
        "completedLearners": 0,
        "certificates": 0,
        "averagePercentage": 0,
        "totalWatchTime": 0,
        "chapters": [],
        "quizzes": [],
    }


def test_a_report_says_where_learners_stop(teacher: Learner) -> None:
    for name in ("ada", "bob", "eve"):
        pupil(teacher, name).watch("one", 10, completed=True, totalChapters=2)
    pupil(teacher, "bob").watch("two", 21)
    pupil(teacher, "eve").watch("two", 30, completed=True)

    found = report(teacher)

    assert found["chapters"] == [
        {
            "chapterId": "one",
            "title": None,
            "learners": 3,
            "completed": 3,
            "averageWatchTime": 10.0,
            "stoppedHere": 1,
        },
        {
            "chapterId": "two",
            "title": None,
            "learners": 2,
            "completed": 1,
            "averageWatchTime": 25.5,
            "stoppedHere": 1,
        },
    ]
    assert (found["averagePercentage"], found["completedLearners"]) == (66.7, 1)
    assert (found["totalWatchTime"], found["activeLearners"]) == (81, 3)


def test_a_report_has_the_best_attempts_of_quizzes(teacher: Learner) -> None:
    pupil(teacher, "ada").answer_quiz("q", 1, of=3, passed=False)
    pupil(teacher, "ada").answer_quiz("q", 2, of=3)
    pupil(teacher, "bob").answer_quiz("q", 1, of=2, passed=False)

    assert report(teacher)["quizzes"] == [
        {
            "quizId": "q",
            "title": None,
            "learners": 2,
            "passed": 1,
            "averageAttempts": 1.5,
            "averageScore": 58.3,
        }
    ]


def test_the_order_is_that_of_the_outline_then_by_learners(teacher: Learner) -> None:
    put_outline(teacher, OUTLINE)
    for chapter, names in {"x": "a", "y": "ab", "c0": "abc", "c2": "a"}.items():
        for name in names:
            pupil(teacher, name).watch(chapter)
    pupil(teacher, "a").answer_quiz("other")

    found = report(teacher)

    assert found["title"] == "Intro"
    assert [(one["chapterId"], one["title"], one["learners"]) for one in found["chapters"]] == [
        ("c2", "Second", 1),
        ("c0", None, 3),
        ("never", None, 0),
        ("y", None, 2),
        ("x", None, 1),
    ]
    assert [(one["quizId"], one["title"]) for one in found["quizzes"]] == [
        ("q1", "Quiz"),
        ("never", None),
        ("other", None),
    ]


def test_a_learner_who_did_not_watch_this_week_is_not_active(
    teacher: Learner, shared_database: str
) -> None:
    pupil(teacher, "ada").watch()
    pupil(teacher, "bob").watch()
    engine = create_engine(shared_database)
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE tutorial_progress SET last_watched_at = now() - interval '8 days' "
                "WHERE user_id = :id"
            ),
            {"id": pupil(teacher, "ada").name},
        )
    engine.dispose()

    assert (report(teacher)["learners"], report(teacher)["activeLearners"]) == (2, 1)


@pytest.mark.parametrize("outline", [None, "before", "after", "removed"])
@pytest.mark.parametrize("seed", range(3))
def test_a_report_is_the_sum_of_all_learners_progress(
    teacher: Learner, seed: int, outline: str | None
) -> None:
    generated = random.Random(seed)  # noqa: S311 - no secret
    pupils = [pupil(teacher, f"p{number}") for number in range(6)]
    if outline == "before":
        put_outline(teacher, OUTLINE)
    for learner in pupils:
        _study(learner, generated)
    if outline in {"after", "removed"}:
        put_outline(teacher, OUTLINE)
    if outline == "removed":
        assert as_teacher(teacher, "progress:author").send("DELETE", "/outline").status == 200

    bodies = [learner.progress() for learner in pupils]
    assert _comparable(report(teacher)) == _expected(bodies, _stopped(pupils, bodies))
    counting = {"q1"} if outline in {"before", "after"} else {f"q{n}" for n in range(3)}
    assert all_learners(teacher) == [_summary(body, counting) for body in bodies]
    completed = [body["userId"] for body in bodies if body["completionPercentage"] == 100]
    assert [one["userId"] for one in all_learners(teacher, "completed")] == completed


def _study(learner: Learner, generated: random.Random) -> None:
    learner.watch("c0", 5)
    for _ in range(generated.randrange(8)):
        chapter = f"c{generated.randrange(4)}"
        learner.watch(chapter, generated.randrange(99), completed=True, totalChapters=3)
    for _ in range(generated.randrange(3)):
        quiz, score = f"q{generated.randrange(3)}", generated.randrange(8)
        learner.answer_quiz(quiz, score, of=7, passed=score > 2)
    learner.complete()


def _comparable(found: Any) -> Any:
    for part in (*found["chapters"], *found["quizzes"]):
        part.pop("title")
    chapters = {one.pop("chapterId"): one for one in found["chapters"] if one["learners"]}
    quizzes = {one.pop("quizId"): one for one in found["quizzes"] if one["learners"]}
    totals = {name: value for name, value in found.items() if name not in {"asOf", "title"}}
    return totals | {"chapters": chapters, "quizzes": quizzes}


def _stopped(pupils: list[Learner], bodies: list[Any]) -> list[str]:
    """Return the chapter where each list of tutorials says that a learner can go on."""
    return [
        one.tutorials().body["items"][0]["lastChapter"]["chapterId"]
        for one, body in zip(pupils, bodies, strict=True)
        if body["completionPercentage"] < 100
    ]


def _expected(bodies: list[Any], stopped: list[str]) -> Any:
    percentages = [body["completionPercentage"] for body in bodies]
    return {
        "tutorialId": bodies[0]["tutorialId"],
        "learners": len(bodies),
        "activeLearners": len(bodies),
        "completedLearners": percentages.count(100),
        "certificates": sum(body["certificateEarned"] for body in bodies),
        "averagePercentage": one_decimal(percentages),
        "totalWatchTime": sum(body["totalWatchTime"] for body in bodies),
        "chapters": _expected_chapters(bodies, stopped),
        "quizzes": _expected_quizzes(bodies),
    }


def _expected_chapters(bodies: list[Any], stopped: list[str]) -> Any:
    rows = [(body, one) for body in bodies for one in body["chapterProgress"]]
    found = {}
    for name in {one["chapterId"] for _, one in rows}:
        mine = [one for _, one in rows if one["chapterId"] == name]
        found[name] = {
            "learners": len(mine),
            "completed": sum(one["completed"] for one in mine),
            "averageWatchTime": one_decimal([one["watchTime"] for one in mine]),
            "stoppedHere": stopped.count(name),
        }
    return found


def _expected_quizzes(bodies: list[Any]) -> Any:
    rows = [one for body in bodies for one in body["quizScores"]]
    found = {}
    for name in {one["quizId"] for one in rows}:
        mine = [one for one in rows if one["quizId"] == name]
        found[name] = {
            "learners": len(mine),
            "passed": sum(one["passed"] for one in mine),
            "averageAttempts": one_decimal([one["attempts"] for one in mine]),
            "averageScore": one_decimal([100 * one["score"] / one["maxScore"] for one in mine]),
        }
    return found


def _summary(body: Any, counting: set[str]) -> Any:
    same = (
        "userId",
        "completionPercentage",
        "chaptersCompleted",
        "totalChapters",
        "certificateEarned",
        "totalWatchTime",
        "lastWatchedAt",
    )
    quizzes = [one for one in body["quizScores"] if one["quizId"] in counting]
    return {name: body[name] for name in same} | {
        "quizzesPassed": sum(one["passed"] for one in quizzes)
    }


@pytest.mark.parametrize("scope", [None, "progress:author", "progress:reports", "progress"])
@pytest.mark.parametrize("path", ["/report", "/learners"])
def test_nobody_without_the_scope_reads_a_report(
    teacher: Learner, scope: object, path: str
) -> None:
    answer = as_teacher(teacher, scope).send("GET", path)

    assert (answer.status, "progress:report" in answer.body["detail"]) == (403, True)


def test_an_admin_reads_reports(teacher: Learner) -> None:
    assert report(as_teacher(teacher, "progress:admin"))["learners"] == 0


def test_reports_are_limited_by_a_setting(make_app: MakeApp, make_learner: MakeLearner) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_report="2/hour")
    teacher = as_teacher(make_learner(app, tutorial=new_tutorial()))

    assert [teacher.send("GET", "/report").status for _ in range(3)] == [200, 200, 429]


def test_a_report_is_a_table_for_a_spreadsheet(service: Flask, teacher: Learner) -> None:
    put_outline(teacher, OUTLINE)
    pupil(teacher, "ada").watch("c0", 7)
    pupil(teacher, "ada").answer_quiz("=1+1", 1, of=2)

    response = as_csv(service, teacher, "/report")
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Accept" in response.headers["Vary"]
    assert [(row["part"], row["id"], row["learners"]) for row in rows] == [
        ("tutorial", teacher.tutorial, "1"),
        ("chapter", "c2", "0"),
        ("chapter", "c0", "1"),
        ("chapter", "never", "0"),
        ("quiz", "q1", "0"),
        ("quiz", "never", "0"),
        ("quiz", "'=1+1", "1"),
    ]
    assert rows[2]["averageWatchTime"] == "7.0"
    assert rows[6]["averageScore"] == "50.0"


def test_an_old_event_that_arrives_late_does_not_move_where_a_learner_stopped(
    teacher: Learner,
) -> None:
    ada = pupil(teacher, "ada")
    for number, day in enumerate(("03", "01", "02")):
        event = {"id": f"e{number}", "type": "chapter", "tutorialId": teacher.tutorial}
        at, chapter = f"2026-01-{day}T10:00:00Z", f"day-{day}"
        ada.post_events({**event, "at": at, "chapterId": chapter, "watchTime": 1})

    stopped = {one["chapterId"]: one["stoppedHere"] for one in report(teacher)["chapters"]}

    assert stopped == {"day-01": 0, "day-02": 0, "day-03": 1}


@pytest.mark.parametrize("names", list(permutations(("c0", "c1", "c2"))))
def test_of_equal_instants_the_chapter_that_was_recorded_last_is_where_a_learner_stopped(
    teacher: Learner, names: tuple[str, ...]
) -> None:
    learner = pupil(teacher, "ada")
    common = {"type": "chapter", "tutorialId": teacher.tutorial, "at": "2026-01-05T10:00:00Z"}
    events = ({**common, "id": name, "chapterId": name, "watchTime": 1} for name in names)
    posted = learner.post_events(*events)
    assert {one["status"] for one in posted.body["results"]} == {"recorded"}

    last = learner.tutorials().body["items"][0]["lastChapter"]["chapterId"]

    assert [one["chapterId"] for one in report(teacher)["chapters"] if one["stoppedHere"]] == [last]


@pytest.mark.parametrize(
    "watched", ["last_watched_at + interval '1 hour'", "NULL", "'2020-01-01', counted_at = NULL"]
)
@pytest.mark.parametrize("outline", [True, False])
def test_where_a_learner_stopped_is_the_latest_chapter_whatever_else_was_last(
    teacher: Learner, shared_database: str, watched: str, *, outline: bool
) -> None:
    learner = pupil(teacher, "ada")
    for chapter in ("c0", "c2", "c1"):
        learner.watch(chapter, completed=chapter != "c1", totalChapters=9)
    learner.answer_quiz("q1", passed=False)
    if outline:
        put_outline(teacher, OUTLINE)
    engine = create_engine(shared_database)
    change = text(f"UPDATE tutorial_progress SET last_watched_at = {watched} WHERE user_id = :id")  # noqa: S608 - a constant
    with engine.begin() as connection:
        connection.execute(change, {"id": learner.name})
    engine.dispose()

    stopped = {one["chapterId"]: one["stoppedHere"] for one in report(teacher)["chapters"]}

    assert {name: count for name, count in stopped.items() if count} == {"c1": 1}
