"""A learner's tutorials, page by page (spec 11.1 to 11.6)."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from tests import events
from tests.client import Learner
from tests.conftest import MakeLearner
from tests.listing.conftest import names, page_of, walk

UNWATCHED = text("INSERT INTO tutorial_progress (tutorial_id, user_id) VALUES (:tutorial, :user)")

# As a version that does not know of `last_chapter_id` records a chapter.
AS_BEFORE = text(
    "WITH progress AS (UPDATE tutorial_progress SET updated_at = updated_at + interval '1 minute' "
    "WHERE user_id = :user RETURNING id, user_id, updated_at) "
    "INSERT INTO chapter_progress (progress_id, user_id, chapter_id, updated_at) "
    "SELECT id, user_id, 'theirs', updated_at FROM progress"
)


def watch(learner: Learner, **minutes: float) -> None:
    """Watch each of these tutorials in its minute."""
    for tutorial, number in minutes.items():
        events.recorded(learner.post_events(events.chapter(number, of=tutorial)))


def test_with_nothing_recorded_the_page_is_empty(learner: Learner) -> None:
    answer = learner.tutorials()

    assert (answer.status, answer.body) == (200, {"items": [], "next": None})


def test_an_item_is_the_progress_object_without_its_lists_and_with_the_last_chapter(
    learner: Learner,
) -> None:
    learner.watch("one", 60, completed=True, totalChapters=2)
    progress = learner.answer_quiz().body

    (item,) = page_of(learner.tutorials())

    last_chapter = {"chapterId": "one", "lastPosition": 60, "completed": True}
    lists = ("chapterProgress", "quizScores")
    expected = {name: value for name, value in progress.items() if name not in lists}
    assert item == {**expected, "lastChapter": last_chapter, "title": None}
    assert list(item) == [*expected, "lastChapter", "title"]


def test_the_last_chapter_is_the_one_that_was_recorded_last(learner: Learner) -> None:
    learner.watch("one", 10)
    learner.watch("two", 20)
    learner.watch("one", 15, lastPosition=3)

    (item,) = page_of(learner.tutorials())

    assert item["lastChapter"] == {"chapterId": "one", "lastPosition": 3, "completed": False}


def test_a_chapter_that_happened_earlier_is_not_the_last_one(learner: Learner) -> None:
    learner.watch("now", 10)
    learner.post_events(events.chapter(chapter="offline"))

    (item,) = page_of(learner.tutorials())

    assert item["lastChapter"]["chapterId"] == "now"


def test_a_chapter_that_an_earlier_version_recorded_is_the_last_one(
    learner: Learner, shared_engine: Engine
) -> None:
    learner.watch("ours", 10)
    with shared_engine.begin() as connection:
        connection.execute(AS_BEFORE, {"user": learner.name})

    (item,) = page_of(learner.tutorials())

    assert item["lastChapter"]["chapterId"] == "theirs"


def test_a_tutorial_with_a_quiz_alone_has_no_last_chapter(learner: Learner) -> None:
    learner.answer_quiz()

    (item,) = page_of(learner.tutorials())

    assert item["lastChapter"] is None


def test_the_tutorial_that_was_watched_last_comes_first(learner: Learner) -> None:
    watch(learner, b=1, c=3, a=2)

    assert names(learner.tutorials()) == ["c", "a", "b"]


def test_a_tutorial_that_was_never_watched_comes_last(
    learner: Learner, shared_engine: Engine
) -> None:
    with shared_engine.begin() as connection:
        for tutorial in ("0", "z"):
            connection.execute(UNWATCHED, {"tutorial": tutorial, "user": learner.name})
    watch(learner, a=1, b=2)

    assert names(learner.tutorials()) == walk(learner, "?limit=1") == ["b", "a", "0", "z"]
    assert page_of(learner.tutorials())[-1]["lastWatchedAt"] is None


def test_of_equal_times_the_smaller_id_comes_first(learner: Learner) -> None:
    watch(learner, b=1, c=1, a=1, d=2)

    assert names(learner.tutorials()) == walk(learner, "?limit=1") == ["d", "a", "b", "c"]


def test_the_status_chooses_by_the_percentage(learner: Learner) -> None:
    for number, done in enumerate((0, 1, 2)):
        tutorial = replace(learner, tutorial=f"tutorial-{number}")
        tutorial.watch(totalChapters=2)
        if done:
            tutorial.complete_chapters(done, of=2)

    assert names(learner.tutorials("?status=all")) == ["tutorial-2", "tutorial-1", "tutorial-0"]
    assert names(learner.tutorials("?status=in_progress")) == ["tutorial-1", "tutorial-0"]
    assert names(learner.tutorials("?status=completed")) == ["tutorial-2"]


def test_an_earned_tutorial_is_completed_whatever_is_posted_later(learner: Learner) -> None:
    learner.complete_chapters(1, of=1)
    learner.complete()
    learner.watch("chapter-0", completed=False, totalChapters=9)

    assert names(learner.tutorials("?status=completed")) == ["intro"]
    assert names(learner.tutorials("?status=in_progress")) == []


def test_a_tutorial_that_was_reset_is_not_listed(learner: Learner) -> None:
    learner.watch()
    learner.reset()

    assert names(learner.tutorials()) == []


def test_nobody_sees_the_tutorials_of_others(make_learner: MakeLearner) -> None:
    ada, bob = make_learner(), make_learner()
    ada.watch()

    assert names(bob.tutorials()) == []


def test_a_page_has_twenty_tutorials_unless_the_limit_says_otherwise(learner: Learner) -> None:
    many = [events.chapter(n, of=f"t{n:03}") for n in range(105)]
    events.recorded(learner.post_events(*many))

    assert len(names(learner.tutorials())) == 20
    assert len(names(learner.tutorials("?limit=1"))) == 1
    assert len(names(learner.tutorials("?limit=100"))) == 100


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_every_tutorial_appears_exactly_once_whatever_the_limit(
    learner: Learner, limit: int
) -> None:
    many = [events.chapter(n // 3, of=f"t{n}", id=f"{n}") for n in range(8)]
    events.recorded(learner.post_events(*many))

    found = walk(learner, f"?limit={limit}")

    assert found == names(learner.tutorials("?limit=100"))
    assert sorted(found) == [f"t{n}" for n in range(8)]


def test_the_last_page_has_no_next_even_if_it_is_full(learner: Learner) -> None:
    watch(learner, a=1, b=2)

    assert learner.tutorials("?limit=2").body["next"] is None
    assert learner.tutorials("?limit=1").body["next"] is not None


def test_a_tutorial_that_is_not_written_to_appears_once_while_others_are_written_to(
    learner: Learner,
) -> None:
    watch(learner, a=1, b=2, c=3, d=4, e=5)
    first = learner.tutorials("?limit=2")
    # when a listed one and one that is still to come are watched again, and one is new
    for tutorial in ("e", "b", "new"):
        replace(learner, tutorial=tutorial).watch()
    rest = learner.tutorials(f"?limit=9&cursor={first.body['next']}")
    # then
    assert names(first) == ["e", "d"]
    assert names(rest) == ["c", "a"]


def test_a_cursor_stays_valid_when_its_tutorial_is_gone(learner: Learner) -> None:
    watch(learner, a=1, b=2, c=3)
    first = learner.tutorials("?limit=2")

    replace(learner, tutorial="b").reset()

    assert names(learner.tutorials(f"?limit=2&cursor={first.body['next']}")) == ["a"]


def test_ids_of_any_characters_are_paged(learner: Learner) -> None:
    ids = ["a/b", "%2F", "Ünïcode ✓", "\U0001f393", "'; --", '"', "\\", "x" * 255, "\u202e", "NULL"]
    for number, tutorial in enumerate(ids):
        events.recorded(learner.post_events(events.chapter(number % 2, of=tutorial)))

    found = walk(learner, "?limit=1")

    assert sorted(found) == sorted(ids)
    assert found == names(learner.tutorials())
