"""The rows of `make chaos` with three services behind nginx, with few requests."""

from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest

from bench.testbed import SECRET
from chaos.faults import machines
from chaos.limits import ALLOWED, LimitProbe
from chaos.play import play
from chaos.scene import Outcome, Row
from tests.serving.service import Service

REQUESTS = 400
ROWS = (machines.KILLED, machines.FAILED_OVER)


def _short(row: Row) -> Row:
    """The row on the servers of all; how fast it is back is measured by `make chaos` alone."""
    bar = replace(row.bar, recovery=None, longest=None)
    return replace(row, needs=machines.FAILED_OVER.needs, part=1 / len(ROWS), bar=bar)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """What each row came to, by its name."""
    played = play(map(_short, ROWS), "few", REQUESTS)
    return {one.row.name: one for one in played if isinstance(one, Outcome)}


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_three_services_lose_nothing_and_keep_each_limit(
    outcomes: dict[str, Outcome], row: Row
) -> None:
    outcome = outcomes[row.name]

    assert outcome.misses == []
    assert outcome.acknowledged > REQUESTS / len(ROWS) / 2
    assert outcome.strikes >= 1


def test_services_that_count_for_themselves_are_found_out(tmp_path: Path, database: str) -> None:
    settings: dict[str, object] = {"DATABASE_URL": database, "RATELIMIT_STORAGE_URI": "memory://"}
    settings |= {"WEB_CONCURRENCY": 1, "JWT_SECRET_KEY": SECRET}
    with (
        Service(tmp_path / "one", **settings) as one,
        Service(tmp_path / "two", **settings) as two,
    ):
        services = cycle([one, two])
        probe = LimitProbe(lambda: next(services).connect())

        assert not probe.ask()
        assert probe.exact == 0
        assert f"allowed {2 * ALLOWED} requests" in probe.wrong[0]
