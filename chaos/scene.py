"""One row as it is played: the faults that strike, and whether the bar is met."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import groupby
from pathlib import Path

import psutil
import psycopg2

from chaos.client import OK, Sent
from chaos.judgement import Judgement, judge, read_by_get, read_by_sql
from chaos.load import Load
from chaos.world import CONNECTIONS, Needs, NotHere, World
from embedded import StartFailed

_CALM_SECONDS = 1.5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a row must hold, beside nothing lost and nothing wrong.

    Args:
        failures: how requests fail, some of them at least: `503`, or `no answer`; empty for none.
        recovery: seconds from the end of a fault to the last request that may fail.
        longest: seconds of any request.
    """

    failures: frozenset[str] = frozenset()
    recovery: float | None = None
    longest: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault: what it is called, how it strikes, and its bar.

    Args:
        name: what the table calls it.
        act: lets it strike.
        bar: what must hold.
        times: how often it strikes.
        seconds: how long each time lasts, where it lasts.
        needs: what must be there.
    """

    name: str
    act: "Callable[[Scene], None]"
    bar: Bar
    times: int = 1
    seconds: float = 0
    needs: Needs = field(default_factory=Needs)


@dataclass(frozen=True)
class Outcome:
    """What a row came to; `misses` is empty where the bar is met, `seen` is what else was seen."""

    row: Row
    struck: int
    in_flight: int
    acknowledged: int
    unanswered: int
    judgement: Judgement
    failures: Counter[str]
    longest: float
    recovery: float
    seen: str
    misses: list[str]

    @property
    def is_met(self) -> bool:
        """Whether the row holds all that it must."""
        return not self.misses


@dataclass(frozen=True)
class NotRun:
    """A row that cannot be had on this machine, and why."""

    row: Row
    why: str

    @property
    def is_met(self) -> bool:
        """Whether it may be left out: a small disk is not every user's to have."""
        return self.row.needs.small_disk


@dataclass(frozen=True)
class _Strike:
    at: float
    over: float

    def meets(self, sent: Sent) -> bool:
        return sent.at < self.over and self.at < sent.at + sent.took


class Scene:
    """What a row acts on."""

    def __init__(self, row: Row, world: World, seed: str) -> None:
        """Prepare the load.

        Args:
            row: which is played.
            world: what it breaks.
            seed: what is asked and what chance decides follow from it.
        """
        self.row, self.world = row, world
        self.load = Load(world.connect, seed)
        self.chance = random.Random(seed)  # noqa: S311 - so that a run is repeated
        self.misses: list[str] = []
        self.back, self.seen = 0.0, ""
        self._strikes: list[_Strike] = []

    @contextmanager
    def strike(self) -> Iterator[None]:
        """While a fault lasts; when it leaves, requests should succeed again."""
        at = time.monotonic()
        try:
            yield
        finally:
            self._strikes.append(_Strike(at, time.monotonic()))

    def settle(self, seconds: float = _CALM_SECONDS) -> None:
        """Let the load go on."""
        time.sleep(seconds)

    def until(self, happens: Callable[[], object], told: str, seconds: float = 30) -> float:
        """Wait, and return how long; a miss where it takes too long."""
        began = time.monotonic()
        while not happens():
            if time.monotonic() > began + seconds:
                self.misses.append(f"not after {seconds:.0f} s: {told}")
                break
            time.sleep(0.02)
        return time.monotonic() - began

    def require(self, right: bool, told: str) -> None:  # noqa: FBT001
        """Miss the bar where something is not so."""
        if not right and told not in self.misses:
            self.misses.append(told)

    def outcome(self) -> Outcome:
        """Judge, once the load has ended."""
        self.require(not self.load.broken, f"{self.load.broken} clients could not go on")
        self._require_rest()
        stored = read_by_sql(self.world.postgres.url(), self.load.learners)
        judgement = judge(self.load.acknowledged, self.load.unanswered, stored)
        try:
            answered = read_by_get(self.world.connect, stored)
        except (OSError, HTTPException) as error:
            self.require(False, f"nothing can be read: {type(error).__name__}")
        else:
            for key, progress in stored.items():
                judgement.require(answered[key] == progress, f"{key}: GET differs from SQL")
        judgement.wrong += len(self.load.false)
        judgement.told += self.load.false
        failures = Counter(sent.kind for sent in self.load.sent if sent.kind != OK)
        longest = max(sent.took for sent in self.load.sent)
        self._require_bar(judgement, failures, longest)
        return Outcome(
            row=self.row,
            struck=len(self._strikes),
            in_flight=sum(map(self._is_struck, self.load.sent)),
            acknowledged=len(self.load.acknowledged),
            unanswered=self.load.late,
            judgement=judgement,
            failures=failures,
            longest=longest,
            recovery=self._recovery(),
            seen=self.seen,
            misses=self.misses,
        )

    def _require_rest(self) -> None:
        """No thread is stuck, no connection leaked: with nobody asking, none is in use."""
        in_use = "progress_database_connections_in_use"
        self.until(lambda: self.world.service.measured(in_use) == 0, "no connection in use")
        told = f"no more than {CONNECTIONS} connections"
        self.until(lambda: self.world.connections() <= CONNECTIONS, told)

    def _require_bar(self, judgement: Judgement, failures: Counter[str], longest: float) -> None:
        bar, recovery = self.row.bar, self._recovery()
        self.misses += judgement.told[:5]
        self.require(not judgement.lost, f"{judgement.lost} lost")
        self.require(not judgement.wrong, f"{judgement.wrong} wrong")
        self.require(bool(failures) or not bar.failures, "the fault struck nobody")
        for kind in failures.keys() - bar.failures:
            self.misses.append(f"{failures[kind]} requests failed: {kind}")
        if bar.recovery is not None:
            told = f"back only after {recovery:.1f} s"
            self.require(recovery <= bar.recovery, told)
        if bar.longest is not None:
            self.require(longest <= bar.longest, f"a request took {longest:.1f} s")

    def _recovery(self) -> float:
        """Seconds from the end of a fault until the last request that failed was sent."""
        failed = [sent for sent in self.load.sent if sent.kind != OK]
        return max([self.back, *(self._late(sent) for sent in failed)])

    def _late(self, sent: Sent) -> float:
        over = [one.over for one in self._strikes if one.over <= sent.at]
        return sent.at - over[-1] if over and not self._is_struck(sent) else 0.0

    def _is_struck(self, sent: Sent) -> bool:
        return any(strike.meets(sent) for strike in self._strikes)


def play(rows: Iterable[Row], seed: str) -> Iterator[Outcome | NotRun]:
    """Let each fault strike, under load, and judge; rows that need the same share their servers.

    Args:
        rows: which faults.
        seed: what is asked and what chance decides follow from it.
    """
    for needs, adjacent in groupby(rows, key=lambda row: row.needs):
        group = list(adjacent)
        with tempfile.TemporaryDirectory(prefix="progress-chaos-") as name:
            try:
                with World(Path(name), needs) as world:
                    yield from (_play(row, world, f"{seed}-{row.name}") for row in group)
            except NotHere as lack:
                yield from (NotRun(row, str(lack)) for row in group)


def _play(row: Row, world: World, seed: str) -> Outcome:
    scene = Scene(row, world, seed)
    with scene.load:
        scene.settle()
        try:
            row.act(scene)
        except (StartFailed, psutil.Error, psycopg2.Error, OSError) as error:
            scene.require(False, f"{type(error).__name__}: {error}")
        scene.settle()
    return scene.outcome()
