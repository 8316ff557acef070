"""Rows that somebody made by hand, with nothing where the service writes a value."""

import pytest
from sqlalchemy import Engine, text

from tests.client import Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import MakeService, chapter_of, quiz_of, recorded, refused

ROWS = text("""
WITH made AS (
    INSERT INTO tutorial_progress (tutorial_id, user_id, completion_percentage,
        chapters_completed, total_chapters, certificate_eligible, certificate_earned,
        total_watch_time, last_watched_at, created_at, updated_at)
    VALUES ('intro', 'by hand', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    RETURNING id
), chapter AS (
    INSERT INTO chapter_progress (progress_id, chapter_id, watch_time, completed,
        last_position, created_at, updated_at)
    SELECT id, 'chapter-1', NULL, NULL, NULL, NULL, NULL FROM made
)
INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score, passed, attempts,
    completed_at, created_at, updated_at)
SELECT id, 'quiz-1', 1, 2, false, NULL, '2026-01-02 03:04:05', NULL, NULL FROM made
""")


@pytest.fixture
def by_hand(
    make_learner: MakeLearner, make_service: MakeService, database: str, engine: Engine
) -> Learner:
    """A learner whose rows hold NULL wherever the guide's tables let them."""
    with engine.begin() as connection:
        connection.execute(ROWS)
    return make_learner(make_service(database), name="by hand")


def test_a_get_shows_the_defaults_of_the_guide_s_columns(by_hand: Learner) -> None:
    assert by_hand.progress() == {
        "tutorialId": "intro",
        "userId": "by hand",
        "completionPercentage": 0,
        "chaptersCompleted": 0,
        "totalChapters": 0,
        "chapterProgress": [
            {"chapterId": "chapter-1", "watchTime": 0, "completed": False, "lastPosition": 0}
        ],
        "quizScores": [
            {
                "quizId": "quiz-1",
                "score": 1,
                "maxScore": 2,
                "passed": False,
                "attempts": 1,
                "completedAt": "2026-01-02T03:04:05.000000Z",
            }
        ],
        "certificateEligible": False,
        "certificateEarned": False,
        "totalWatchTime": 0,
        "lastWatchedAt": None,
    }


def test_a_chapter_post_updates_the_row(by_hand: Learner) -> None:
    unsaid = recorded(by_hand.watch("chapter-1", 7))
    said = recorded(by_hand.watch("chapter-1", 5, completed=True, totalChapters=2))

    assert chapter_of(unsaid, "chapter-1") == {
        "chapterId": "chapter-1",
        "watchTime": 7,
        "completed": False,
        "lastPosition": 7,
    }
    assert unsaid["lastWatchedAt"] is not None
    assert said["chaptersCompleted"] == 1
    assert said["completionPercentage"] == 50
    assert said["totalWatchTime"] == 7


def test_another_chapter_counts_beside_the_row(by_hand: Learner) -> None:
    progress = recorded(by_hand.watch("chapter-2", 7, completed=True, totalChapters=2))

    assert len(progress["chapterProgress"]) == 2
    assert (progress["chaptersCompleted"], progress["totalWatchTime"]) == (1, 7)


def test_a_quiz_post_is_one_attempt_more_than_was_shown(by_hand: Learner) -> None:
    progress = recorded(by_hand.answer_quiz("quiz-1", 9, 10))

    quiz = quiz_of(progress)
    assert (quiz["score"], quiz["maxScore"], quiz["passed"]) == (9, 10, True)
    assert quiz["attempts"] == 2


def test_a_keyed_quiz_post_counts_once(by_hand: Learner) -> None:
    first = by_hand.answer_quiz("quiz-1", headers={"Idempotency-Key": "a"})
    again = by_hand.answer_quiz("quiz-1", headers={"Idempotency-Key": "a"})

    assert recorded(again) == recorded(first)


def test_complete_is_refused_until_it_is_earned(by_hand: Learner) -> None:
    assert "0 percent" in refused(by_hand.complete(), 400, "Not eligible for certificate")
    by_hand.watch("chapter-1", completed=True, totalChapters=1)
    by_hand.answer_quiz("quiz-1")

    assert recorded(by_hand.complete())["certificateEarned"] is True


def test_reset_removes_the_rows(by_hand: Learner, engine: Engine) -> None:
    assert by_hand.reset().status == 200

    counts = "SELECT (SELECT count(*) FROM {}) + (SELECT count(*) FROM {})"
    with engine.connect() as connection:
        left = connection.scalar(text(counts.format("chapter_progress", "quiz_scores")))
    assert left == 0


def test_a_row_of_nobody_is_nobody_s(by_hand: Learner, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE tutorial_progress SET user_id = NULL"))

    assert by_hand.progress()["chapterProgress"] == []
    assert len(recorded(by_hand.watch("chapter-2"))["chapterProgress"]) == 1
    assert by_hand.reset().status == 200

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM chapter_progress")) == 1
