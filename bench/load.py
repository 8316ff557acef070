"""Puts a load on a contestant and reads what each request cost."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.contestants import Contestant
from bench.ground import Ground, cpu_seconds

_SCRIPT = Path(__file__).with_name("load.lua")
_WARM_UP_SECONDS = 1


class WrongAnswer(Exception):
    """A request was not answered with 200: nothing that was measured counts."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of a contestant.

    Args:
        kind: `get` or `chapter`.
        seconds: how long, at least 1.
        connections: at once.
        rate: requests a second; 0 for as many as it can answer.
        learners: `uniform` or `zipf`.
    """

    kind: str
    seconds: int
    connections: int = 16
    rate: float = 0
    learners: str = "uniform"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was seen; processor time in microseconds a request, latencies in milliseconds."""

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
        """Return it as it is written to a file, no more exact than it is."""
        return {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def measure(ground: Ground, contestant: Contestant, load: Load) -> Sample:
    """Warm up, then load a contestant.

    Raises:
        WrongAnswer: some request was not answered with 200.
    """
    _wrk(ground, contestant, load, _WARM_UP_SECONDS)
    heads = (contestant.process_id, ground.postgres.process_id, ground.valkey.process_id)
    before = [cpu_seconds(head) for head in heads]
    told = _wrk(ground, contestant, load, load.seconds)
    requests = told["requests"]
    spent = [cpu_seconds(head) - was for head, was in zip(heads, before, strict=True)]
    app, database, store = (seconds / requests * 1e6 for seconds in spent)
    return Sample(
        contestant=contestant.name,
        kind=load.kind,
        requests=requests,
        per_second=requests / told["duration"] * 1e6,
        p50=told["p50"] / 1000,
        p99=told["p99"] / 1000,
        app_cpu=app,
        database_cpu=database,
        store_cpu=store,
    )


def _wrk(ground: Ground, contestant: Contestant, load: Load, seconds: int) -> dict[str, int]:
    people = ground.population
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(_SCRIPT), contestant.url, "--", load.kind, str(ground.tokens)]
    command += [str(people.tutorials), str(people.chapters), load.learners, str(load.rate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    if told["wrong"] or not told["requests"]:
        raise WrongAnswer(f"{contestant.name}, {load.kind}: {told['wrong']} wrong answers.")
    return told
