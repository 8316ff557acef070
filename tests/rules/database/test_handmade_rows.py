"""Rows that somebody made by hand, with nothing where the service writes a value."""

import pytest
from sqlalchemy import Engine, text

from tests import events
from tests.client import Learner
from tests.rules.conftest import chapter_of, quiz_of, recorded, refused

ROWS = text("""
WITH made AS (
    INSERT INTO tutorial_progress (tutorial_id, user_id, completion_percentage,
        chapters_completed, total_chapters, certificate_eligible, certificate_earned,
        total_watch_time, last_watched_at, created_at, updated_at)
    VALUES ('intro', :user, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
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


CHAPTERS = text("SELECT count(*) FROM chapter_progress WHERE progress_id = :id")
QUIZZES = text("SELECT count(*) FROM quiz_scores WHERE progress_id = :id")
HANDED_ON = text("UPDATE tutorial_progress SET user_id = NULL WHERE user_id = :user")
THEIRS = text("SELECT id FROM tutorial_progress WHERE user_id = :user")


@pytest.fixture
def by_hand(learner: Learner, shared_engine: Engine) -> Learner:
    """A learner whose rows hold NULL wherever the guide's tables let them."""
    with shared_engine.begin() as connection:
        connection.execute(ROWS, {"user": learner.name})
    return learner


def id_of(learner: Learner, engine: Engine) -> str:
    """What the rows of a learner's chapters and quizzes point to."""
    with engine.connect() as connection:
        return str(connection.execute(THEIRS, {"user": learner.name}).scalar_one())


def test_a_get_shows_the_defaults_of_the_guide_s_columns(by_hand: Learner) -> None:
    assert by_hand.progress() == {
        "tutorialId": "intro",
        "userId": by_hand.name,
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


def test_the_list_shows_the_defaults_of_the_guide_s_columns(by_hand: Learner) -> None:
    (item,) = by_hand.tutorials("?status=in_progress").body["items"]

    lists = ("chapterProgress", "quizScores")
    shown = {name: value for name, value in by_hand.progress().items() if name not in lists}
    chapter = {"chapterId": "chapter-1", "lastPosition": 0, "completed": False}
    assert item == {**shown, "lastChapter": chapter, "title": None}


def test_an_event_updates_the_row(by_hand: Learner) -> None:
    event = events.chapter(1, 7, completed=True, totalChapters=1)

    (progress,) = events.recorded(by_hand.post_events(event, events.quiz(2)))

    assert chapter_of(progress, "chapter-1") == {
        "chapterId": "chapter-1",
        "watchTime": 7,
        "completed": True,
        "lastPosition": 7,
    }
    assert quiz_of(progress)["attempts"] == 2
    assert progress["lastWatchedAt"] == events.shown(2)


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


def test_reset_removes_the_rows(by_hand: Learner, shared_engine: Engine) -> None:
    theirs = {"id": id_of(by_hand, shared_engine)}

    assert by_hand.reset().status == 200

    with shared_engine.connect() as connection:
        assert connection.scalar(CHAPTERS, theirs) == 0
        assert connection.scalar(QUIZZES, theirs) == 0


def test_a_row_without_a_learner_belongs_to_no_learner(
    by_hand: Learner, shared_engine: Engine
) -> None:
    nobodys = {"id": id_of(by_hand, shared_engine)}
    with shared_engine.begin() as connection:
        connection.execute(HANDED_ON, {"user": by_hand.name})

    assert by_hand.progress()["chapterProgress"] == []
    assert len(recorded(by_hand.watch("chapter-2"))["chapterProgress"]) == 1
    theirs = {"id": id_of(by_hand, shared_engine)}
    assert by_hand.reset().status == 200

    with shared_engine.connect() as connection:
        assert connection.scalar(CHAPTERS, nobodys) == 1
        assert connection.scalar(CHAPTERS, theirs) == 0


STORED = text("""
UPDATE tutorial_progress SET certificate_eligible = :eligible, completion_percentage = :percentage
WHERE user_id = :user
""")


def store(engine: Engine, learner: Learner, **stored: object) -> None:
    """Leave in the row what a racing service of the guide's own code leaves there."""
    with engine.begin() as connection:
        connection.execute(STORED, {"user": learner.name, **stored})


def test_complete_goes_by_what_is_recorded_where_the_stored_row_denies_it(
    learner: Learner, shared_engine: Engine
) -> None:
    learner.complete_chapters(2, of=2)
    store(shared_engine, learner, eligible=False, percentage=50)

    earned = recorded(learner.complete())

    assert (earned["certificateEarned"], earned["completionPercentage"]) == (True, 100)


def test_complete_goes_by_what_is_recorded_where_the_stored_row_promises_more(
    learner: Learner, shared_engine: Engine
) -> None:
    learner.complete_chapters(1, of=2)
    store(shared_engine, learner, eligible=True, percentage=100)

    answer = learner.complete()

    assert answer.status == 400
    assert "50 percent is completed" in answer.body["detail"]
    assert learner.progress()["certificateEligible"] is False
