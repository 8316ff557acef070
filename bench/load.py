"""Put a load on a contestant, and measure what a request costs."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.contestants import Contestant
from bench.testbed import Testbed, cpu_seconds

_SCRIPT = Path(__file__).with_name("load.lua")
_WARM_UP_SECONDS = 1


class FailedRequests(Exception):
    """The status of a response was not 200, so the whole measurement is void."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """The requests that a contestant gets.

    Args:
        kind: `get`, `chapter`, `list`, or `events-N` for N chapter events of one tutorial.
        seconds: how long, at least 1.
        connections: how many are open at once.
        rate: requests per second; 0 for as many as the contestant can respond to.
        learners: how they are chosen: `uniform` or `zipf`.
    """

    kind: str
    seconds: int
    connections: int = 16
    rate: float = 0
    learners: str = "uniform"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A measurement: CPU time in microseconds per request, latencies in milliseconds."""

    contestant: str
    kind: str
    requests: int
    per_second: float
    p50: float
    p99: float
    app_cpu: float
    database_cpu: float
    store_cpu: float

    def as_json(self) -> dict[str, Any]:
        """Return its fields for the results file, rounded to two digits."""
        return {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def measure(testbed: Testbed, contestant: Contestant, load: Load) -> Sample:
    """Warm up, then measure a contestant under load.

    Raises:
        FailedRequests: the status of a response was not 200.
    """
    _wrk(testbed, contestant, load, _WARM_UP_SECONDS)
    parents = (contestant.process_id, testbed.postgres.process_id, testbed.valkey.process_id)
    before = [cpu_seconds(parent) for parent in parents]
    result = _wrk(testbed, contestant, load, load.seconds)
    requests = result["requests"]
    spent = [cpu_seconds(parent) - start for parent, start in zip(parents, before, strict=True)]
    app, database, store = (seconds / requests * 1e6 for seconds in spent)
    return Sample(
        contestant=contestant.name,
        kind=load.kind,
        requests=requests,
        per_second=requests / result["duration"] * 1e6,
        p50=result["p50"] / 1000,
        p99=result["p99"] / 1000,
        app_cpu=app,
        database_cpu=database,
        store_cpu=store,
    )


def _wrk(testbed: Testbed, contestant: Contestant, load: Load, seconds: int) -> dict[str, int]:
    population = testbed.population
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(_SCRIPT), contestant.url, "--", load.kind, str(testbed.tokens)]
    command += [str(population.tutorials), str(population.chapters), load.learners, str(load.rate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise FailedRequests(f"{contestant.name}, {load.kind}: {result['failed']} requests failed.")
    return result
