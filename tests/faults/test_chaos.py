"""The shorter rows of `make chaos`, without their seconds, and that a row can miss its bar."""

from dataclasses import replace

import pytest

from chaos.faults import ROWS, clients, postgres, service, valkey
from chaos.play import play
from chaos.scene import Bar, NotRun, Outcome, Row, Scene


def _short(row: Row, times: int = 1) -> Row:
    """The row, struck so often; how fast it is back is measured by `make chaos` alone."""
    seconds = min(row.seconds, 1)
    return replace(
        row, times=times, seconds=seconds, bar=replace(row.bar, recovery=None, longest=None)
    )


def _lose_and_count_twice(scene: Scene) -> None:
    """Change what is stored behind the service's back, once nobody writes any more."""
    scene.load.stop()
    scene.world.sql(
        "DELETE FROM chapter_progress"
        " WHERE id = (SELECT id FROM chapter_progress ORDER BY created_at LIMIT 1)"
    )
    scene.world.sql(
        "UPDATE quiz_scores SET attempts = attempts + 1"
        " WHERE id = (SELECT id FROM quiz_scores LIMIT 1)"
    )


def _strike_nobody(scene: Scene) -> None:
    with scene.strike():
        pass


CHANGED = Row(name="changed", act=_lose_and_count_twice, bar=Bar())
HARMLESS = Row(name="harmless", act=_strike_nobody, bar=Bar(failures=frozenset({"503"})))
SHORT = [
    _short(service.WORKER_KILLED, 2),
    _short(service.BATCH_KILLED, 2),
    _short(clients.RESPONSES_LOST),
    _short(clients.TWO_DEVICES),
    _short(postgres.KILLED),
    _short(valkey.FLUSHED),
    _short(postgres.RESPONSES_LOST, 2),
]


@pytest.fixture(scope="module")
def outcomes() -> dict[Row, Outcome]:
    """What each row came to; those that need the same servers share them."""
    rows = [CHANGED, HARMLESS, *SHORT]
    played = [one for one in play(rows, "short") if isinstance(one, Outcome)]
    return {one.row: one for one in played}


@pytest.mark.parametrize("row", SHORT, ids=[row.name for row in SHORT])
def test_nothing_acknowledged_is_lost_and_nothing_is_counted_twice(
    outcomes: dict[Row, Outcome], row: Row
) -> None:
    outcome = outcomes[row]

    assert outcome.misses == []
    assert outcome.acknowledged > 0
    assert outcome.strikes == row.times


def test_a_write_that_is_lost_and_an_attempt_that_is_counted_twice_miss_the_bar(
    outcomes: dict[Row, Outcome],
) -> None:
    judgement = outcomes[CHANGED].judgement

    assert judgement.lost == 1
    assert judgement.wrong == 2  # the attempt, and the total of the chapters that are left
    assert outcomes[CHANGED].misses


def test_a_fault_that_strikes_nobody_misses_the_bar(outcomes: dict[Row, Outcome]) -> None:
    assert outcomes[HARMLESS].misses == ["the fault hit no request"]


def test_a_row_that_is_not_run_misses_its_bar_unless_it_needs_a_small_disk() -> None:
    left_out = [row for row in ROWS if NotRun(row, "this machine lacks something").is_met]

    assert left_out == [postgres.DISK_FULL]
