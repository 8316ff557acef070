"""Rows of the table, what their faults act on, and their outcomes."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException

from chaos.client import OK, Client, SentRequest
from chaos.judgement import Judgement, judge, read_by_get, read_by_sql
from chaos.load import Load
from chaos.world import CONNECTIONS, Needs, Service, World

_CALM_SECONDS = 1.5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What an outcome must meet, besides that nothing is lost and nothing is wrong.

    Args:
        failures: the kinds of failures that are allowed, and of which there must be some: `503` or
            `no answer`; empty when no request may fail.
        recovery: for how many seconds after a fault requests may fail; None for no limit.
        longest: how many seconds a request may take; None for no limit.
    """

    failures: frozenset[str] = frozenset()
    recovery: float | None = None
    longest: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: a fault, and its bar.

    Args:
        name: the row's name in the table.
        act: causes the fault.
        bar: what the outcome must meet.
        times: how often the fault is caused.
        seconds: how long a fault lasts that does not end by itself.
        needs: which servers are needed.
        client: what each of the clients is.
        part: of the requests of a large row; 0 for a row that ends when its fault is over.
    """

    name: str
    act: "Callable[[Scene], None]"
    bar: Bar
    times: int = 1
    seconds: float = 0
    needs: Needs = field(default_factory=Needs)
    client: type[Client] = Client
    part: float = 0


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row.

    Args:
        row: the row.
        strikes: how often the fault was caused.
        in_flight: the number of requests that a fault hit.
        acknowledged: the number of writes with a successful response.
        unanswered: the number of writes whose repeats all failed.
        judgement: the differences between what was acknowledged and what is stored.
        failures: the number of failed requests by kind.
        longest: seconds of the longest request.
        recovery: seconds from the end of a fault until no request failed.
        remark: what the table adds to the verdict.
        misses: what does not meet the bar.
    """

    row: Row
    strikes: int
    in_flight: int
    acknowledged: int
    unanswered: int
    judgement: Judgement
    failures: Counter[str]
    longest: float
    recovery: float
    remark: str
    misses: list[str]

    @property
    def is_met(self) -> bool:
        """Whether the bar is met."""
        return not self.misses


@dataclass(frozen=True)
class NotRun:
    """A row that cannot be played on this machine, and the reason."""

    row: Row
    reason: str

    @property
    def is_met(self) -> bool:
        """Whether the row may be left out: only root can mount a small disk."""
        return self.row.needs.small_disk


@dataclass(frozen=True)
class _Strike:
    began: float
    ended: float

    def hits(self, request: SentRequest) -> bool:
        return request.at < self.ended and self.began < request.at + request.took


class Scene:
    """What a row's fault acts on: the servers and the load."""

    def __init__(self, row: Row, world: World, seed: str, requests: int) -> None:
        """Prepare the load.

        Args:
            row: the row that is played.
            world: the servers.
            seed: determines the requests and the random choices.
            requests: how many there are in a large row.
        """
        self.requests = round(row.part * requests)
        self.row, self.world = row, world
        self.load = Load(world.connect, seed, row.client)
        self.chance = random.Random(seed)  # noqa: S311 - repeatable
        self.misses: list[str] = []
        self.recovery, self.remark = 0.0, ""
        self._strikes: list[_Strike] = []

    @contextmanager
    def strike(self) -> Iterator[None]:
        """Mark the time of a fault; after the `with`, requests should succeed again."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._strikes.append(_Strike(began, time.monotonic()))

    def settle(self, seconds: float = _CALM_SECONDS) -> None:
        """Wait while the load continues."""
        time.sleep(seconds)

    def wait_for(
        self, condition: Callable[[], object], description: str, seconds: float = 30
    ) -> float:
        """Wait until a condition holds, and note a miss when it takes too long.

        Returns:
            How many seconds it took.
        """
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + seconds:
                self.misses.append(f"not within {seconds:.0f} s: {description}")
                break
            time.sleep(0.02)
        return time.monotonic() - began

    def require(self, condition: bool, miss: str) -> None:  # noqa: FBT001
        """Note a miss when a condition does not hold."""
        if not condition and miss not in self.misses:
            self.misses.append(miss)

    def outcome(self) -> Outcome:
        """Return the outcome; call this after the load has ended."""
        self.require(not self.load.crashed, f"{self.load.crashed} clients crashed")
        self._require_idle()
        stored = read_by_sql(self.world.postgres.url(), self.load.learners)
        judgement = judge(self.load.acknowledged, self.load.unanswered, stored)
        try:
            responses = read_by_get(self.world.connect, stored)
        except (OSError, HTTPException) as error:
            self.require(False, f"progress cannot be read: {type(error).__name__}")
        else:
            for key, progress in stored.items():
                judgement.require(responses[key] == progress, f"{key}: GET differs from SQL")
        judgement.wrong += len(self.load.contradictions)
        judgement.details += self.load.contradictions
        failures = Counter(request.kind for request in self.load.requests if request.kind != OK)
        longest = max(request.took for request in self.load.requests)
        self._require_bar(judgement, failures, longest)
        return Outcome(
            row=self.row,
            strikes=len(self._strikes),
            in_flight=sum(map(self._is_hit, self.load.requests)),
            acknowledged=len(self.load.acknowledged),
            unanswered=self.load.postponed,
            judgement=judgement,
            failures=failures,
            longest=longest,
            recovery=self._recovery(),
            remark=self.remark,
            misses=self.misses,
        )

    def _require_idle(self) -> None:
        """Require that no connection is in use or leaked after the load has ended."""
        in_use, services = "progress_database_connections_in_use", self.world.services
        for service in services:
            self.wait_for(partial(_is_zero, service, in_use), "no connection in use")
        most = CONNECTIONS * len(services)
        self.wait_for(lambda: self.world.connections() <= most, f"at most {most} connections")

    def _require_bar(self, judgement: Judgement, failures: Counter[str], longest: float) -> None:
        bar, recovery = self.row.bar, self._recovery()
        self.misses += judgement.details[:5]
        self.require(not judgement.lost, f"{judgement.lost} lost")
        self.require(not judgement.wrong, f"{judgement.wrong} wrong")
        self.require(bool(failures) or not bar.failures, "the fault hit no request")
        for kind in failures.keys() - bar.failures:
            self.misses.append(f"{failures[kind]} requests failed: {kind}")
        if bar.recovery is not None:
            self.require(recovery <= bar.recovery, f"recovered only after {recovery:.1f} s")
        if bar.longest is not None:
            self.require(longest <= bar.longest, f"a request took {longest:.1f} s")

    def _recovery(self) -> float:
        """Return the seconds from the end of a fault until the last failed request was sent."""
        failed = [request for request in self.load.requests if request.kind != OK]
        return max([self.recovery, *map(self._seconds_after_strike, failed)])

    def _seconds_after_strike(self, request: SentRequest) -> float:
        ends = [strike.ended for strike in self._strikes if strike.ended <= request.at]
        return request.at - ends[-1] if ends and not self._is_hit(request) else 0.0

    def _is_hit(self, request: SentRequest) -> bool:
        return any(strike.hits(request) for strike in self._strikes)


def _is_zero(service: Service, metric: str) -> bool:
    return service.metric(metric) == 0
