"""Chapters: what is kept of each, and what the tutorial's counts make of them."""

import pytest

from tests.client import Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import MakeService, chapter_of, recorded


def test_a_first_post_records_what_it_says_and_defaults_for_the_rest(
    learner: Learner,
) -> None:
    progress = recorded(learner.watch("chapter-1", 120.75))

    assert list(progress) == [
        "tutorialId",
        "userId",
        "completionPercentage",
        "chaptersCompleted",
        "totalChapters",
        "chapterProgress",
        "quizScores",
        "certificateEligible",
        "certificateEarned",
        "totalWatchTime",
        "lastWatchedAt",
    ]
    del progress["lastWatchedAt"]
    assert progress == {
        "tutorialId": "intro",
        "userId": learner.name,
        "completionPercentage": 0,
        "chaptersCompleted": 0,
        "totalChapters": 0,
        "chapterProgress": [
            {
                "chapterId": "chapter-1",
                "watchTime": 120,
                "completed": False,
                "lastPosition": 120,
            }
        ],
        "quizScores": [],
        "certificateEligible": False,
        "certificateEarned": False,
        "totalWatchTime": 120,
    }


def test_what_a_post_answers_is_what_a_get_shows(learner: Learner) -> None:
    learner.answer_quiz()

    answer = learner.watch("chapter-1", 30, completed=True, totalChapters=3)

    assert learner.progress() == answer.body


def test_the_watch_time_of_a_chapter_never_shrinks(learner: Learner) -> None:
    learner.watch("chapter-1", 300)

    after_less = recorded(learner.watch("chapter-1", 299))
    after_more = recorded(learner.watch("chapter-1", 301))

    assert chapter_of(after_less, "chapter-1")["watchTime"] == 300
    assert after_less["totalWatchTime"] == 300
    assert chapter_of(after_more, "chapter-1")["watchTime"] == 301
    assert after_more["totalWatchTime"] == 301


def test_the_last_position_is_the_latest_also_backwards(learner: Learner) -> None:
    learner.watch("chapter-1", 300, lastPosition=290)

    progress = recorded(learner.watch("chapter-1", 310, lastPosition=5.9))

    assert chapter_of(progress, "chapter-1")["lastPosition"] == 5


@pytest.mark.parametrize("given", [{}, {"lastPosition": None}])
def test_without_a_last_position_it_is_the_watch_time_of_the_post(
    learner: Learner, given: dict[str, object]
) -> None:
    learner.watch("chapter-1", 300, lastPosition=7)

    progress = recorded(learner.watch("chapter-1", 250.5, **given))

    assert chapter_of(progress, "chapter-1")["watchTime"] == 300
    assert chapter_of(progress, "chapter-1")["lastPosition"] == 250


def test_a_last_position_of_zero_is_a_position(learner: Learner) -> None:
    progress = recorded(learner.watch("chapter-1", 300, lastPosition=0))

    assert chapter_of(progress, "chapter-1")["lastPosition"] == 0


def test_an_explicit_completed_is_the_latest_word(learner: Learner) -> None:
    learner.watch("chapter-1", completed=True, totalChapters=1)

    taken_back = recorded(learner.watch("chapter-1", completed=False))
    given_again = recorded(learner.watch("chapter-1", completed=True))

    assert not chapter_of(taken_back, "chapter-1")["completed"]
    assert (taken_back["chaptersCompleted"], taken_back["completionPercentage"]) == (
        0,
        0,
    )
    assert taken_back["certificateEligible"] is False
    assert chapter_of(given_again, "chapter-1")["completed"]
    assert given_again["completionPercentage"] == 100


@pytest.mark.parametrize("given", [{}, {"completed": None}])
@pytest.mark.parametrize("before", [True, False])
def test_an_absent_completed_leaves_the_chapter_as_it_was(
    learner: Learner, given: dict[str, object], *, before: bool
) -> None:
    learner.watch("chapter-1", completed=before)

    progress = recorded(learner.watch("chapter-1", 90, **given))

    assert chapter_of(progress, "chapter-1")["completed"] is before
    assert progress["chaptersCompleted"] == int(before)


def test_with_sticky_completion_a_completed_chapter_stays_so(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    learner = make_learner(make_service(progress_sticky_completion=True))
    learner.watch("chapter-1", completed=True, totalChapters=2)

    again = recorded(learner.watch("chapter-1", 5, completed=False, lastPosition=5))
    other = recorded(learner.watch("chapter-2", 5, completed=False))

    assert chapter_of(again, "chapter-1")["completed"]
    assert chapter_of(again, "chapter-1")["lastPosition"] == 5
    assert not chapter_of(other, "chapter-2")["completed"]
    assert other["chaptersCompleted"] == 1


def test_with_sticky_completion_a_chapter_still_becomes_completed(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    learner = make_learner(make_service(progress_sticky_completion=True))
    learner.watch("chapter-1", completed=False)

    progress = recorded(learner.watch("chapter-1", completed=True))

    assert progress["chaptersCompleted"] == 1


@pytest.mark.parametrize("later", [{}, {"totalChapters": None}, {"totalChapters": 3}])
def test_the_total_of_chapters_only_grows(learner: Learner, later: dict[str, object]) -> None:
    learner.watch("chapter-1", completed=True, totalChapters=4)

    unchanged = recorded(learner.watch("chapter-2", **later))
    grown = recorded(learner.watch("chapter-2", totalChapters=5))

    assert unchanged["totalChapters"] == 4
    assert unchanged["completionPercentage"] == 25
    assert grown["totalChapters"] == 5
    assert grown["completionPercentage"] == 20


def test_a_total_that_was_not_known_at_first_counts_from_when_it_is(
    learner: Learner,
) -> None:
    without = recorded(learner.watch("chapter-1", completed=True))
    with_total = recorded(learner.watch("chapter-2", completed=True, totalChapters=3))

    assert without["chaptersCompleted"] == 1
    assert without["completionPercentage"] == 0
    assert without["certificateEligible"] is False
    assert with_total["completionPercentage"] == 66


@pytest.mark.parametrize(
    ("done", "of", "percentage", "eligible"),
    [
        (1, 0, 0, False),
        (1, 3, 33, False),
        (2, 3, 66, False),
        (1, 2_147_483_647, 0, False),
        (29, 100, 29, False),
        (18, 19, 94, False),
        (19, 20, 95, True),
        (20, 20, 100, True),
        (3, 2, 100, True),
    ],
)
def test_the_percentage_is_rounded_down_and_ends_at_100(
    learner: Learner, done: int, of: int, percentage: int, *, eligible: bool
) -> None:
    progress = recorded(learner.complete_chapters(done, of))

    assert progress["completionPercentage"] == percentage
    assert progress["certificateEligible"] is eligible
    assert progress["chaptersCompleted"] == done


def test_the_total_watch_time_is_the_sum_over_the_chapters(learner: Learner) -> None:
    learner.watch("chapter-1", 100)
    learner.watch("chapter-2", 20.9)

    progress = recorded(learner.watch("chapter-1", 101))

    assert progress["totalWatchTime"] == 121


def test_the_total_watch_time_stops_at_the_largest_number(learner: Learner) -> None:
    most = 2_147_483_647
    learner.watch("chapter-1", most - 1)

    at_the_end = recorded(learner.watch("chapter-2", 1))
    beyond = recorded(learner.watch("chapter-3", most, lastPosition=most))

    assert at_the_end["totalWatchTime"] == most
    assert beyond["totalWatchTime"] == most
    assert chapter_of(beyond, "chapter-3")["watchTime"] == most
    assert learner.progress() == beyond
