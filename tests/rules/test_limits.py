"""At most so many chapters and quizzes; one more is refused and changes nothing."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.client import Answer, Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import MakeService, quiz_of, recorded, refused

Record = Callable[[Learner, str], Answer]


def record_chapter(learner: Learner, chapter: str) -> Answer:
    return learner.watch(chapter, completed=True, totalChapters=9)


def record_quiz(learner: Learner, quiz: str) -> Answer:
    return learner.answer_quiz(quiz, headers={"Idempotency-Key": "a"})


@pytest.fixture
def limited(make_learner: MakeLearner, make_service: MakeService) -> Learner:
    """A learner who may record two chapters and three quizzes."""
    return make_learner(make_service(progress_max_chapters=2, progress_max_quizzes=3))


@pytest.mark.parametrize(
    ("record", "most", "error"),
    [
        (record_chapter, 2, "Too many chapters"),
        (record_quiz, 3, "Too many quizzes"),
    ],
)
def test_one_more_than_allowed_is_refused_and_changes_nothing(
    limited: Learner, record: Record, most: int, error: str
) -> None:
    answers = [record(limited, f"id-{n}") for n in range(most)]
    before = recorded(answers[-1])

    refused(record(limited, "one more"), 400, error)

    assert limited.progress() == before


def test_a_refused_chapter_does_not_raise_the_total_of_chapters(
    limited: Learner,
) -> None:
    limited.complete_chapters(2, of=2)

    assert limited.watch("one more", totalChapters=3).status == 400

    assert limited.progress()["totalChapters"] == 2


def test_at_the_limit_what_is_recorded_is_still_updated(limited: Learner) -> None:
    limited.complete_chapters(2, of=2)
    for quiz in ("a", "b", "c"):
        limited.answer_quiz(quiz, 1)

    watched = limited.watch("chapter-1", 99)
    improved = recorded(limited.answer_quiz("b", 9))

    assert recorded(watched)["totalWatchTime"] == 60 + 99
    assert quiz_of(improved, "b")["score"] == 9
    assert quiz_of(improved, "b")["attempts"] == 2


def test_chapters_do_not_count_as_quizzes(limited: Learner) -> None:
    limited.complete_chapters(2, of=2)

    progress = recorded(limited.answer_quiz())

    assert len(progress["quizScores"]) == 1


def test_after_a_reset_there_is_room_again(limited: Learner) -> None:
    limited.complete_chapters(2, of=2)
    limited.reset()

    assert recorded(limited.watch("another"))["totalWatchTime"] == 60


def test_a_quiz_that_was_refused_has_left_no_key(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    learner = make_learner(make_service(progress_max_quizzes=1))
    record_quiz(learner, "quiz-1")
    refused(record_quiz(learner, "quiz-2"), 400, "Too many quizzes")

    learner.reset()

    assert quiz_of(recorded(record_quiz(learner, "quiz-2")), "quiz-2")["attempts"] == 1


CHAPTERS = text(
    "INSERT INTO chapter_progress (progress_id, chapter_id, watch_time, completed)"
    " SELECT id, 'chapter-' || n, 1, n <= :completed"
    " FROM tutorial_progress, generate_series(1, :most) n WHERE user_id = :user"
)
QUIZZES = text(
    "INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score, passed)"
    " SELECT id, 'quiz-' || n, 1, 1, true"
    " FROM tutorial_progress, generate_series(1, :most) n WHERE user_id = :user"
)


def fill(engine: Engine, learner: Learner, most: int, completed: int) -> None:
    """Give a learner, who has something recorded, so many chapters and quizzes more."""
    with engine.begin() as connection:
        user = {"user": learner.name, "most": most}
        connection.execute(CHAPTERS, {**user, "completed": completed})
        connection.execute(QUIZZES, user)


def test_a_thousand_chapters_and_quizzes_are_allowed_and_not_one_more(
    learner: Learner, shared_engine: Engine
) -> None:
    learner.watch("first", 1, completed=True, totalChapters=1000)
    learner.answer_quiz("first", 1, 1)
    fill(shared_engine, learner, most=998, completed=948)

    below = recorded(learner.watch("chapter-998", 1))
    full = recorded(learner.watch("last", 1, completed=True))
    last_quiz = recorded(learner.answer_quiz("last", 1, 1))

    assert (below["chaptersCompleted"], below["completionPercentage"]) == (949, 94)
    assert (full["chaptersCompleted"], full["completionPercentage"]) == (950, 95)
    assert (below["certificateEligible"], full["certificateEligible"]) == (False, True)
    assert len(full["chapterProgress"]) == full["totalWatchTime"] == 1000
    assert len(last_quiz["quizScores"]) == 1000
    refused(learner.watch("one more"), 400, "Too many chapters")
    refused(learner.answer_quiz("one more"), 400, "Too many quizzes")
    assert learner.progress() == last_quiz
    assert recorded(learner.watch("last", 3))["totalWatchTime"] == 1002
    assert quiz_of(recorded(learner.answer_quiz("last", 1, 1)), "last")["attempts"] == 2
    assert recorded(learner.complete())["certificateEarned"] is True
    assert learner.reset().status == 200
