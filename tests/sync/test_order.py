"""Events are recorded by when they happened, however late they arrive (spec 12.4 to 12.7)."""

from itertools import permutations
from typing import Any

import pytest

from tests.client import Learner
from tests.conftest import MakeLearner
from tests.events import chapter, complete, quiz, recorded, shown
from tests.rules.conftest import MakeService, chapter_of, quiz_of

FUTURE = "2999-01-01T00:00:00Z"


def one(progress: Any, name: str = "chapter-1") -> tuple[Any, ...]:
    """How far a chapter is."""
    found = chapter_of(progress, name)
    return found["watchTime"], found["lastPosition"], found["completed"]


def test_an_event_is_recorded_as_the_post_is(learner: Learner) -> None:
    (progress,) = recorded(
        learner.post_events(
            chapter(1, 60.75, completed=True, totalChapters=1, lastPosition=30.5), quiz(2)
        )
    )

    assert one(progress) == (60, 30, True)
    assert quiz_of(progress) == {
        "quizId": "quiz-1",
        "score": 8,
        "maxScore": 10,
        "passed": True,
        "attempts": 1,
        "completedAt": shown(2),
    }
    assert progress["lastWatchedAt"] == shown(2)
    assert (progress["completionPercentage"], progress["certificateEligible"]) == (100, True)
    assert progress == learner.progress()


def test_events_are_recorded_in_the_order_in_which_they_happened(learner: Learner) -> None:
    sent = [
        chapter(2, 20, chapter="b", completed=False),
        chapter(1, 30, chapter="b", completed=True),
        chapter(0, 10, chapter="a"),
    ]

    (progress,) = recorded(learner.post_events(*sent))

    assert one(progress, "b") == (30, 20, False)
    assert [found["chapterId"] for found in progress["chapterProgress"]] == ["a", "b"]


def test_of_equal_times_the_later_in_the_list_wins(learner: Learner) -> None:
    (progress,) = recorded(learner.post_events(chapter(1, 20, id="a"), chapter(1, 10, id="b")))

    assert one(progress)[:2] == (20, 10)


def test_instants_are_compared_whatever_their_offsets(learner: Learner) -> None:
    later = chapter(5, 10) | {"at": "2026-01-05T03:05:00-09:00"}  # 12:05 in UTC
    earlier = chapter(4, 20) | {"at": "2026-01-05T21:04:00+09:00"}

    (progress,) = recorded(learner.post_events(later, earlier))

    assert one(progress)[:2] == (20, 10)
    assert progress["lastWatchedAt"] == shown(5)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whatever_the_order_of_arrival_the_latest_event_wins(
    learner: Learner, order: tuple[int, ...]
) -> None:
    sent = [
        chapter(1, 30, completed=True, totalChapters=3),
        chapter(2, 10, completed=False),
        chapter(3, 20, totalChapters=2),
    ]

    for number in order:
        (progress,) = recorded(learner.post_events(sent[number]))

    assert one(progress) == (30, 20, False)
    assert progress["totalChapters"] == 3
    assert progress["lastWatchedAt"] == shown(3)


def test_a_late_event_moves_neither_position_nor_completed_back(learner: Learner) -> None:
    learner.watch(seconds=50, completed=True)

    (progress,) = recorded(learner.post_events(chapter(1, 10, completed=False)))

    assert one(progress) == (50, 50, True)


def test_position_and_completed_are_each_of_their_own_latest_event(learner: Learner) -> None:
    learner.post_events(chapter(1, 10, completed=False))
    learner.post_events(chapter(3, 30))

    (progress,) = recorded(learner.post_events(chapter(2, 20, completed=True)))

    assert one(progress) == (30, 30, True)


def test_a_chapter_that_was_never_said_to_be_completed_can_be_by_an_older_event(
    learner: Learner,
) -> None:
    learner.watch(seconds=50)

    (progress,) = recorded(learner.post_events(chapter(1, 10, completed=True)))

    assert one(progress) == (50, 50, True)


def test_a_late_event_raises_watch_time_and_total_chapters(learner: Learner) -> None:
    learner.watch(seconds=50, totalChapters=1)

    (progress,) = recorded(learner.post_events(chapter(1, 80, totalChapters=4)))

    assert one(progress)[:2] == (80, 50)
    assert progress["totalChapters"] == 4


def test_a_late_event_leaves_the_last_time_as_it_is(learner: Learner) -> None:
    before = learner.watch().body["lastWatchedAt"]

    (progress,) = recorded(learner.post_events(chapter(1), quiz(2)))

    assert progress["lastWatchedAt"] == before


def test_a_plain_post_happens_now(learner: Learner) -> None:
    learner.post_events(chapter(1, 80, completed=True))

    progress = learner.watch(seconds=10, completed=False).body

    assert one(progress) == (80, 10, False)
    assert progress["lastWatchedAt"] > shown(1)


def test_an_event_of_the_future_counts_as_now(learner: Learner) -> None:
    answer = learner.post_events(
        chapter(1, 10, completed=True) | {"at": FUTURE}, quiz(1) | {"at": FUTURE}
    )
    (progress,) = recorded(answer)

    assert progress["lastWatchedAt"] <= answer.body["serverTime"]
    assert quiz_of(progress)["completedAt"] <= answer.body["serverTime"]
    assert one(learner.watch(seconds=5, completed=False).body) == (10, 5, False)


def test_of_events_of_the_future_the_latest_wins(learner: Learner) -> None:
    sent = [chapter(n, 10 + n, id=f"{n}") | {"at": f"29{n}0-01-01T00:00:00Z"} for n in (3, 1, 2)]

    (progress,) = recorded(learner.post_events(*sent))

    assert one(progress)[:2] == (13, 13)


def test_the_time_of_a_quiz_is_that_of_its_latest_attempt(learner: Learner) -> None:
    (progress,) = recorded(learner.post_events(quiz(5, 3), quiz(2, 9), quiz(4, 1)))

    assert quiz_of(progress)["completedAt"] == progress["lastWatchedAt"] == shown(5)
    assert (quiz_of(progress)["score"], quiz_of(progress)["attempts"]) == (9, 3)


def test_sticky_completion_holds_for_events(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    learner = make_learner(make_service(progress_sticky_completion=True))
    sent = [chapter(1, completed=True), chapter(2, completed=False)]

    (progress,) = recorded(learner.post_events(*sent))

    assert one(progress)[2] is True


def test_complete_is_recorded_last_whenever_it_happened(learner: Learner) -> None:
    (progress,) = recorded(
        learner.post_events(
            complete(0), chapter(1, completed=True, totalChapters=1), quiz(2, passed=True)
        )
    )

    assert (progress["certificateEarned"], progress["completionPercentage"]) == (True, 100)
    assert progress["lastWatchedAt"] == shown(2)
    assert learner.certificate().status == 200


def test_the_instant_of_complete_is_the_last_time_if_it_is_the_latest(learner: Learner) -> None:
    (progress,) = recorded(
        learner.post_events(chapter(1, completed=True, totalChapters=1), complete(9))
    )

    assert progress["lastWatchedAt"] == shown(9)


def test_complete_alone_earns_what_was_recorded_before(learner: Learner) -> None:
    learner.post_events(chapter(1, completed=True, totalChapters=1))

    (progress,) = recorded(learner.post_events(complete(3), complete(2)))

    assert (progress["certificateEarned"], progress["lastWatchedAt"]) == (True, shown(3))


def test_the_name_on_the_certificate_is_the_first_that_was_given(learner: Learner) -> None:
    done = chapter(1, completed=True, totalChapters=1)
    sent = [complete(4, holderName="Later"), complete(3, holderName="Ada"), complete(2), done]

    recorded(learner.post_events(*sent))

    assert learner.certificate().body["holderName"] == "Ada"


def test_progress_is_in_the_order_in_which_tutorials_are_first_named(learner: Learner) -> None:
    sent = [chapter(number, of=name) for number, name in enumerate(("b", "c", "a", "c", "b"))]

    found = recorded(learner.post_events(*sent))

    assert [progress["tutorialId"] for progress in found] == ["b", "c", "a"]
