"""Play rows: cause their faults under load."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import psutil
import psycopg2

from chaos.scene import NotRun, Outcome, Row, Scene
from chaos.world import RequirementMissing, World
from embedded import StartFailed

SHORT = 1_000


def play(rows: Iterable[Row], seed: str, requests: int = SHORT) -> Iterator[Outcome | NotRun]:
    """Play rows and yield their outcomes; adjacent rows with the same needs share their servers.

    Args:
        rows: the rows.
        seed: determines the requests and the random choices.
        requests: how many a large row has; several rows may share them.
    """
    for needs, adjacent in groupby(rows, key=lambda row: row.needs):
        group = list(adjacent)
        with tempfile.TemporaryDirectory(prefix="progress-chaos-") as name:
            try:
                with World(Path(name), needs) as world:
                    yield from (_play(row, world, seed, requests) for row in group)
            except RequirementMissing as missing:
                yield from (NotRun(row, str(missing)) for row in group)


def _play(row: Row, world: World, seed: str, requests: int) -> Outcome:
    scene = Scene(row, world, f"{seed}-{row.name}", requests)
    with scene.load:
        scene.settle()
        try:
            row.act(scene)
        except (StartFailed, psutil.Error, psycopg2.Error, OSError) as error:
            scene.require(False, f"{type(error).__name__}: {error}")
        scene.settle()
    return scene.outcome()
