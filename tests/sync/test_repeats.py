"""Sent again, an event changes nothing and is recorded again (spec 12.3, 12.5, 12.6)."""

from tests.client import Learner
from tests.conftest import MakeLearner
from tests.events import chapter, complete, quiz, recorded, shown
from tests.rules.conftest import chapter_of, quiz_of

ALL = [
    chapter(1, 30, completed=True, totalChapters=1),
    chapter(2, 20, completed=False),
    quiz(3, passed=False),
    quiz(4, 9, passed=True),
    chapter(5, 10, completed=True),
    complete(6),
    quiz(7, of="other"),
]


def test_sent_again_the_answer_is_the_same(learner: Learner) -> None:
    answers = [learner.post_events(*ALL) for _ in range(3)]

    first, *others = [{**answer.body, "serverTime": None} for answer in answers]
    assert len(recorded(answers[0])) == 2
    assert others == [first, first]


def test_each_event_sent_again_alone_changes_nothing(learner: Learner) -> None:
    recorded(learner.post_events(*ALL))
    before = learner.progress()

    for event in ALL:
        recorded(learner.post_events(event))

    assert learner.progress() == before


def test_sent_again_after_later_posts_nothing_moves_back(learner: Learner) -> None:
    recorded(learner.post_events(chapter(1, 30, completed=True), quiz(2)))
    learner.watch(seconds=90, completed=False, lastPosition=5)
    before = learner.answer_quiz(passed=False).body

    (progress,) = recorded(learner.post_events(chapter(1, 30, completed=True), quiz(2)))

    assert progress == before
    assert chapter_of(progress, "chapter-1")["lastPosition"] == 5
    assert quiz_of(progress)["attempts"] == 2


def test_an_event_twice_in_one_request_counts_once(learner: Learner) -> None:
    answer = learner.post_events(quiz(1), quiz(1), chapter(2), chapter(2))

    (progress,) = recorded(answer)
    assert [one["id"] for one in answer.body["results"]] == ["q1", "q1", "c2", "c2"]
    assert quiz_of(progress)["attempts"] == 1


def test_an_attempt_sent_both_ways_counts_once(learner: Learner) -> None:
    key = {"Idempotency-Key": "a key"}
    learner.answer_quiz("first", headers=key)
    (progress,) = recorded(learner.post_events(quiz(1, quiz="first", id="a key")))
    assert quiz_of(progress, "first")["attempts"] == 1

    recorded(learner.post_events(quiz(1, quiz="second", id="a key")))
    progress = learner.answer_quiz("second", headers=key).body
    assert quiz_of(progress, "second")["attempts"] == 1


def test_the_completed_at_of_a_quiz_marks_the_attempt_both_ways(learner: Learner) -> None:
    moment = "2026-01-05T10:00:00.000Z"
    learner.answer_quiz(completedAt=moment)

    (progress,) = recorded(learner.post_events(quiz(1, completedAt=moment)))

    assert quiz_of(progress)["attempts"] == 1


def test_attempts_with_other_ids_count_each_whenever_they_happened(learner: Learner) -> None:
    sent = [quiz(1, id=f"attempt-{n}") for n in range(5)]

    (progress,) = recorded(learner.post_events(*sent))

    assert quiz_of(progress)["attempts"] == 5


def test_an_id_of_another_quiz_tutorial_or_learner_is_another_attempt(
    make_learner: MakeLearner,
) -> None:
    ada, bob = make_learner(), make_learner()
    sent = [quiz(1, id="x"), quiz(1, id="x", quiz="quiz-2"), quiz(1, id="x", of="other")]

    for learner in (ada, bob):
        found = recorded(learner.post_events(*sent))
        attempts = [one["attempts"] for progress in found for one in progress["quizScores"]]
        assert attempts == [1, 1, 1]


def test_one_id_on_events_of_every_type_is_no_repeat(learner: Learner) -> None:
    done = {"completed": True, "totalChapters": 1}

    (progress,) = recorded(
        learner.post_events(chapter(1, id="x", **done), quiz(2, id="x"), complete(3, id="x"))
    )

    assert progress["certificateEarned"]
    assert progress["lastWatchedAt"] == shown(3)


def test_after_a_reset_everything_can_be_recorded_again(learner: Learner) -> None:
    recorded(learner.post_events(chapter(1), quiz(2)))
    before = learner.progress()
    learner.reset()

    (progress,) = recorded(learner.post_events(chapter(1), quiz(2)))

    assert progress == before


def test_more_than_one_repeat_of_complete_is_the_same_certificate(learner: Learner) -> None:
    done = chapter(1, completed=True, totalChapters=1)
    recorded(learner.post_events(done, complete(2)))
    before = learner.certificate().body

    recorded(learner.post_events(complete(5)))
    recorded(learner.post_events(done, complete(2)))

    assert learner.certificate().body == before
    assert learner.progress()["lastWatchedAt"] == shown(2)
