"""Every instant of RFC 3339 is read (spec 12.2)."""

import pytest

from tests.client import Learner
from tests.events import chapter, minute, recorded
from tests.sync.test_order import one


def test_the_first_and_the_last_instant_that_there_is_are_recorded(learner: Learner) -> None:
    first = chapter(1, 10) | {"at": "0001-01-01T00:00:00Z"}
    last = chapter(2, 20) | {"at": "9999-12-31T23:59:59.999999Z"}

    (progress,) = recorded(learner.post_events(first))
    assert progress["lastWatchedAt"] == "0001-01-01T00:00:00.000000Z"
    assert learner.tutorials().body["items"][0]["lastWatchedAt"] == progress["lastWatchedAt"]

    (progress,) = recorded(learner.post_events(last))
    assert one(progress)[:2] == (20, 20)


def test_a_leap_second_is_the_last_moment_of_its_minute(learner: Learner) -> None:
    leap = chapter(1) | {"at": "2016-12-31T23:59:60Z"}

    (progress,) = recorded(learner.post_events(leap))

    assert progress["lastWatchedAt"] == "2016-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-05t10:05:00z", "2026-01-05T10:05:00.000000Z"),
        ("2026-01-05 10:05:00+00:00", "2026-01-05T10:05:00.000000Z"),
        ("2026-01-05T10:05:00.1-00:00", "2026-01-05T10:05:00.100000Z"),
        ("2026-01-05T10:05:00.123456789Z", "2026-01-05T10:05:00.123456Z"),
        ("2026-01-05T10:05:00+23:59", "2026-01-04T10:06:00.000000Z"),
        ("2024-02-29T00:00:00-12:00", "2024-02-29T12:00:00.000000Z"),
    ],
)
def test_every_form_of_an_instant_is_read(learner: Learner, at: str, expected: str) -> None:
    (progress,) = recorded(learner.post_events(chapter() | {"at": at}))

    assert progress["lastWatchedAt"] == expected


def test_events_of_one_minute_are_told_apart_by_fractions(learner: Learner) -> None:
    sent = [chapter(1.5, 10), chapter(1.50001, 5)]

    (progress,) = recorded(learner.post_events(*reversed(sent)))

    assert sent[0]["at"] < sent[1]["at"] == minute(1.50001)
    assert one(progress)[:2] == (10, 5)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_an_instant_beyond_the_years_of_utc_counts_as_the_nearest(
    learner: Learner, at: str
) -> None:
    (progress,) = recorded(learner.post_events(chapter(1, 10) | {"at": at}))

    assert one(progress)[:2] == (10, 10)


def test_of_two_events_at_one_instant_the_first_that_arrives_stays(learner: Learner) -> None:
    early, late = chapter(1, 10, completed=False), chapter(1, 20, completed=True) | {"id": "late"}
    for sent in (early, late, early):
        (progress,) = recorded(learner.post_events(sent))
    assert one(progress)[1] == 10

    listed = chapter(2, 10), chapter(2, 20) | {"id": "later"}
    (progress,) = recorded(learner.post_events(*listed))
    assert progress["chapterProgress"][0]["lastPosition"] == 20
