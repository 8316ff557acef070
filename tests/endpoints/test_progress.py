"""The happy way of each endpoint, and the whole of what it answers."""

import re
from typing import Any

import pytest

from tests.client import Learner
from tests.endpoints.expectations import ENDPOINTS, ask, assert_refused, nothing_changes

IN_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
RESET = {"success": True, "message": "Progress reset successfully"}


def nothing_recorded(learner: Learner) -> dict[str, Any]:
    """The guide's default, its keys in the guide's order."""
    return {
        "tutorialId": learner.tutorial,
        "userId": learner.name,
        "completionPercentage": 0,
        "chaptersCompleted": 0,
        "totalChapters": 0,
        "chapterProgress": [],
        "quizScores": [],
        "certificateEligible": False,
        "certificateEarned": False,
        "totalWatchTime": 0,
        "lastWatchedAt": None,
    }


def assert_exactly(body: Any, expected: dict[str, Any]) -> None:
    """The same values under the same keys in the same order."""
    assert body == expected
    assert list(body) == list(expected)


def test_where_nothing_is_recorded_progress_is_the_guides_default(learner: Learner) -> None:
    assert_exactly(learner.get().body, nothing_recorded(learner))


def test_reading_records_nothing(learner: Learner) -> None:
    learner.get()
    assert learner.complete().status == 404


def test_a_chapter_post_answers_the_whole_progress(learner: Learner) -> None:
    answer = learner.watch("chapter-1", 300, completed=True, lastPosition=12, totalChapters=8)
    chapter = {"chapterId": "chapter-1", "watchTime": 300, "completed": True, "lastPosition": 12}
    expected = {
        **nothing_recorded(learner),
        "completionPercentage": 12,
        "chaptersCompleted": 1,
        "totalChapters": 8,
        "chapterProgress": [chapter],
        "totalWatchTime": 300,
        "lastWatchedAt": answer.body["lastWatchedAt"],
    }
    assert answer.status == 200
    assert_exactly(answer.body, expected)
    assert list(answer.body["chapterProgress"][0]) == list(chapter)
    assert learner.progress() == answer.body


def test_a_quiz_post_answers_the_whole_progress(learner: Learner) -> None:
    answer = learner.answer_quiz("quiz-1", 8, 10, passed=True)
    quiz = {
        "quizId": "quiz-1",
        "score": 8,
        "maxScore": 10,
        "passed": True,
        "attempts": 1,
        "completedAt": answer.body["quizScores"][0]["completedAt"],
    }
    expected = {
        **nothing_recorded(learner),
        "quizScores": [quiz],
        "lastWatchedAt": answer.body["lastWatchedAt"],
    }
    assert answer.status == 200
    assert_exactly(answer.body, expected)
    assert list(answer.body["quizScores"][0]) == list(quiz)
    assert learner.progress() == answer.body


def test_a_certificate_is_earned_by_completing_every_chapter(learner: Learner) -> None:
    watched = learner.complete_chapters(3, of=3)
    assert watched.body["certificateEligible"] is True
    assert watched.body["certificateEarned"] is False
    answer = learner.complete()
    earned = {"certificateEarned": True, "lastWatchedAt": answer.body["lastWatchedAt"]}
    assert answer.status == 200
    assert_exactly(answer.body, watched.body | earned)
    assert learner.progress() == answer.body


def test_completing_again_changes_nothing(learner: Learner) -> None:
    learner.complete_chapters(1, of=1)
    earned = learner.complete().body
    again = learner.complete()
    assert (again.status, again.body) == (200, earned)


def test_a_reset_forgets_everything(busy: Learner) -> None:
    answer = busy.reset()
    assert answer.status == 200
    assert_exactly(answer.body, RESET)
    assert busy.progress() == nothing_recorded(busy)
    assert busy.watch().body["totalWatchTime"] == 60


def test_a_reset_of_nothing_is_a_success(learner: Learner) -> None:
    for _ in range(2):
        answer = learner.reset()
        assert (answer.status, answer.body) == (200, RESET)


@pytest.mark.parametrize("endpoint", ["chapter", "quiz"])
def test_times_are_in_utc_with_a_z(learner: Learner, endpoint: str) -> None:
    body = ask(learner, endpoint).body
    times = [body["lastWatchedAt"], *(quiz["completedAt"] for quiz in body["quizScores"])]
    assert all(IN_UTC.fullmatch(time) for time in times)


@pytest.mark.parametrize("total", [{}, {"totalChapters": 0}, {"totalChapters": None}])
def test_while_the_number_of_chapters_is_not_known_the_percentage_is_0(
    learner: Learner, total: dict[str, object]
) -> None:
    answer = learner.watch(completed=True, **total)
    counted = {"chaptersCompleted": 1, "totalChapters": 0, "completionPercentage": 0}
    assert {name: answer.body[name] for name in counted} == counted
    assert answer.body["certificateEligible"] is False
    assert learner.complete().status == 400


def test_completing_a_tutorial_without_progress_is_not_found(learner: Learner) -> None:
    detail = "Nothing has been recorded for this tutorial yet; post a chapter first."
    assert_refused(learner.complete(), 404, "No progress found for this tutorial", detail)
    assert learner.progress() == nothing_recorded(learner)


@pytest.mark.parametrize(
    ("done", "of", "passed", "far"),
    [
        (1, 2, [], "50 percent is completed, and 0 of 0 quizzes are passed."),
        (18, 19, [True], "94 percent is completed, and 1 of 1 quizzes are passed."),
        (1, 1, [False], "100 percent is completed, and 0 of 1 quizzes are passed."),
        (1, 1, [True, False], "100 percent is completed, and 1 of 2 quizzes are passed."),
    ],
)
def test_the_error_of_an_ineligible_learner_says_what_is_missing(
    learner: Learner, done: int, of: int, passed: list[bool], far: str
) -> None:
    learner.complete_chapters(done, of=of)
    for number, one in enumerate(passed):
        learner.answer_quiz(f"quiz-{number}", passed=one)
    with nothing_changes(learner):
        detail = f"The certificate needs 95 percent and every attempted quiz passed: {far}"
        assert_refused(learner.complete(), 400, "Not eligible for certificate", detail)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_body_with_its_content_type_is_json_without_more(learner: Learner, endpoint: str) -> None:
    learner.complete_chapters(1, of=1)
    answer = ask(learner, endpoint)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"


def test_tutorials_are_kept_apart(learner: Learner) -> None:
    other = Learner(learner.transport, learner.name, tutorial="another")
    learner.watch(seconds=7)
    other.watch(seconds=9)
    learner.reset()
    assert learner.progress() == nothing_recorded(learner)
    assert other.progress()["totalWatchTime"] == 9
