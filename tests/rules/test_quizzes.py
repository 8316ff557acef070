"""Quizzes: the best attempt is kept whole, attempts are counted, passed stays passed."""

import pytest

from tests.client import Learner
from tests.rules.conftest import quiz_of, recorded

MOST = 2_147_483_647
Score = tuple[int, int]


def test_a_first_attempt_is_recorded_as_posted(learner: Learner) -> None:
    progress = recorded(learner.answer_quiz("quiz-1", 8, 10, passed=False))

    assert learner.progress() == progress
    assert progress["chapterProgress"] == []
    quiz = quiz_of(progress)
    assert list(quiz) == [
        "quizId",
        "score",
        "maxScore",
        "passed",
        "attempts",
        "completedAt",
    ]
    assert quiz.pop("completedAt") == progress["lastWatchedAt"]
    assert quiz == {
        "quizId": "quiz-1",
        "score": 8,
        "maxScore": 10,
        "passed": False,
        "attempts": 1,
    }


@pytest.mark.parametrize(
    ("attempts", "best"),
    [
        ([(8, 10), (4, 5)], (8, 10)),
        ([(4, 5), (8, 10)], (4, 5)),
        ([(3, 4), (8, 10)], (8, 10)),
        ([(8, 10), (3, 4)], (8, 10)),
        ([(5, 10), (7, 10), (6, 10)], (7, 10)),
        ([(50, 100), (3, 5)], (3, 5)),
        ([(0, 10), (0, 5)], (0, 10)),
        ([(0, MOST), (1, MOST)], (1, MOST)),
        ([(MOST - 1, MOST), (MOST, MOST)], (MOST, MOST)),
        ([(MOST, MOST), (MOST - 1, MOST)], (MOST, MOST)),
        ([(MOST - 2, MOST - 1), (MOST - 1, MOST)], (MOST - 1, MOST)),
        ([(MOST - 1, MOST), (MOST - 2, MOST - 1)], (MOST - 1, MOST)),
        ([(MOST, MOST), (1, 1)], (MOST, MOST)),
    ],
)
def test_the_best_attempt_is_kept_with_the_maximum_that_it_was_made_for(
    learner: Learner, attempts: list[Score], best: Score
) -> None:
    for score, of in attempts:
        learner.answer_quiz("quiz-1", score, of)

    quiz = quiz_of(learner.progress())

    assert (quiz["score"], quiz["maxScore"]) == best
    assert quiz["attempts"] == len(attempts)


@pytest.mark.parametrize("scores", [(8, 3), (3, 8)])
def test_a_quiz_once_passed_stays_passed(learner: Learner, scores: tuple[int, int]) -> None:
    learner.answer_quiz("quiz-1", scores[0], passed=True)

    progress = recorded(learner.answer_quiz("quiz-1", scores[1], passed=False))

    assert quiz_of(progress)["passed"] is True


def test_a_quiz_is_passed_when_any_attempt_was_whatever_the_score(
    learner: Learner,
) -> None:
    learner.answer_quiz("quiz-1", 8, passed=False)

    progress = recorded(learner.answer_quiz("quiz-1", 2, passed=True))

    assert quiz_of(progress)["passed"] is True
    assert quiz_of(progress)["score"] == 8


def test_every_post_is_one_attempt_more(learner: Learner) -> None:
    answers = [learner.answer_quiz("quiz-1", 8, attempts=7) for _ in range(4)]

    assert [quiz_of(recorded(a))["attempts"] for a in answers] == [1, 2, 3, 4]


def test_completed_at_is_of_the_latest_attempt_not_of_the_best(
    learner: Learner,
) -> None:
    best = quiz_of(recorded(learner.answer_quiz("quiz-1", 9)))

    progress = recorded(learner.answer_quiz("quiz-1", 2))

    assert quiz_of(progress)["completedAt"] > best["completedAt"]
    assert quiz_of(progress)["completedAt"] == progress["lastWatchedAt"]


def test_an_attempt_changes_no_other_quiz_and_no_chapter(learner: Learner) -> None:
    learner.complete_chapters(1, of=2)
    before = recorded(learner.answer_quiz("quiz-1", 3))

    after = recorded(learner.answer_quiz("quiz-2", 9))

    assert quiz_of(after, "quiz-1") == quiz_of(before, "quiz-1")
    kept = ["chapterProgress", "completionPercentage", "totalChapters"]
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert after["totalWatchTime"] == before["totalWatchTime"] == 60


def test_a_quiz_and_a_chapter_may_have_the_same_id(learner: Learner) -> None:
    learner.watch("one", completed=True, totalChapters=1)

    progress = recorded(learner.answer_quiz("one", passed=True))

    assert len(progress["chapterProgress"]) == len(progress["quizScores"]) == 1


def test_ids_that_differ_in_case_or_blanks_are_different_quizzes(
    learner: Learner,
) -> None:
    ids = ["Quiz", "quiz", "quiz ", "qui\u0301z", "qu\u00edz"]
    for quiz in ids:
        learner.answer_quiz(quiz)

    scores = learner.progress()["quizScores"]

    assert [(q["quizId"], q["attempts"]) for q in scores] == [(i, 1) for i in ids]


def test_attempts_are_counted_beyond_a_hundred(learner: Learner) -> None:
    for _ in range(101):
        learner.answer_quiz()

    assert quiz_of(recorded(learner.answer_quiz()))["attempts"] == 102
