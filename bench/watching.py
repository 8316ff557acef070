"""What an hour of watching costs, with the client of client/ and as the guide says."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.load import FailedRequests
from bench.testbed import SECRET, cpu_seconds, migrate, sign_tokens
from embedded import Postgres, Valkey
from embedded.gunicorn import Gunicorn
from embedded.local import ROOT

_LEARNERS = 60
_SECONDS = 180
_HOURS = _LEARNERS * _SECONDS / 3600
_PREFIX = "/v1/tutorials/progress"
_WAYS = {"client": "with the client", "guide": "a post every 10 s"}


def watching() -> Iterator[str]:
    """Measure both ways; yield the lines of a table of what one hour costs."""
    yield "| an hour of watching | requests | bytes | CPU ms of the app | CPU ms of PostgreSQL |"
    yield "| --- | --- | --- | --- | --- |"
    for way, title in _WAYS.items():
        requests, size, app, database = (cost / _HOURS for cost in _measure(way))
        cpu = f"{app * 1000:,.0f} | {database * 1000:,.0f}"
        yield f"| {title} | {requests:,.0f} | {size:,.0f} | {cpu} |"


def _measure(way: str) -> tuple[float, float, float, float]:
    """Return the requests, the bytes, and the CPU seconds of the app and of PostgreSQL."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Postgres(Path(directory, "postgres"), durable=True) as postgres,
        Valkey(Path(directory, "valkey")) as valkey,
    ):
        settings = {
            "DATABASE_URL": postgres.url(),
            "RATELIMIT_STORAGE_URI": valkey.url,
            "JWT_SECRET_KEY": SECRET,
        }
        migrate(postgres.url())
        with Gunicorn(settings, log=Path(directory, "log")) as service:
            parents = (service.process_id, postgres.process_id)
            return _watch(way, service.url + _PREFIX, parents)


def _watch(way: str, url: str, parents: tuple[int, int]) -> tuple[float, float, float, float]:
    command = ["node", "bench/watching.mjs", way, url, str(_SECONDS)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as players:
        assert players.stdin
        assert players.stdout
        players.stdin.write("\n".join(sign_tokens(_LEARNERS)))
        players.stdin.close()
        players.stdout.readline()
        before = [cpu_seconds(parent) for parent in parents]
        spent = json.loads(players.stdout.readline())
        app, database = (
            cpu_seconds(parent) - start for parent, start in zip(parents, before, strict=True)
        )
    if spent["failed"]:
        raise FailedRequests(f"{spent['failed']} requests failed.")
    return spent["requests"], spent["bytes"], app, database
