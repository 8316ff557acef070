"""Machines that migrate one database at once, each a process of its own."""

from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.migrations.database import Database, succeeded
from tests.processes import process_context

MACHINES = 4
PATIENCE = 60


class Machines:
    """Four of them, which stay ready."""

    def __init__(self) -> None:
        context = process_context()
        barrier = context.Barrier(MACHINES)
        self._pool = ProcessPoolExecutor(MACHINES, context, initializer=_start, initargs=(barrier,))

    def migrate(self, url: str) -> list[str]:
        """Run `flask progress migrate` on all of them; return what each said that succeeded."""
        runs = [self._pool.submit(_migrate, url) for _ in range(MACHINES)]
        return [run.result(PATIENCE) for run in runs]

    def stop(self) -> None:
        self._pool.shutdown(cancel_futures=True)


_together: list[Any] = []


def _start(barrier: Any) -> None:
    _together.append(barrier)


def _migrate(url: str) -> str:
    database = Database(url)
    # None of them comes around twice before each of them has come once.
    _together[0].wait(PATIENCE)
    return succeeded(database.command("migrate"))
