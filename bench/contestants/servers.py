"""Servers: the service as it is deployed, and the guide's own code."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from bench.ground import ROOT, SECRET, Ground, with_only
from embedded import StartFailed
from embedded.processes import Process, spawn, stop

_FIRST_PORT, _FIRST_METRICS_PORT = 8100, 9500
_START_SECONDS = 30.0
_LIMITS = ("GET", "CHAPTER", "QUIZ", "COMPLETE", "RESET")


@dataclass(frozen=True)
class Contestant:
    """A server that runs.

    Args:
        name: what the tables call it, and its database.
        url: where it answers.
        process_id: of the first of its processes.
    """

    name: str
    url: str
    process_id: int


@contextmanager
def service(ground: Ground, number: int, name: str, **settings: object) -> Iterator[Contestant]:
    """Serve as it is deployed, everything on, with limits that nobody reaches.

    Args:
        ground: what it stands on.
        number: of the contestant, from 0; it gives the ports.
        name: what the tables call it, and its database.
        settings: others than the defaults, by their names in the environment; without a
            DATABASE_URL it gets a database of its own.
    """
    given: dict[str, object] = {
        "DATABASE_URL": settings.pop("DATABASE_URL", "") or ground.database(name),
        "RATELIMIT_STORAGE_URI": ground.valkey.url,
        "PORT": _FIRST_PORT + number,
        "METRICS_PORT": _FIRST_METRICS_PORT + number,
        **{f"RATELIMIT_{name}": "100000000/minute" for name in _LIMITS},
        **settings,
    }
    driver = given.pop("DRIVER", "postgresql")
    given["DATABASE_URL"] = str(given["DATABASE_URL"]).replace("postgresql", str(driver), 1)
    command = ["-m", "gunicorn", "-c", "python:progress_api.serving", "progress_api.wsgi:app"]
    with _running(ground, number, name, command, given) as contestant:
        yield contestant


@contextmanager
def rival(ground: Ground, number: int, name: str, factory: str) -> Iterator[Contestant]:
    """Serve the guide's own code, by as many processes.

    Args:
        ground: what it stands on.
        number: of the contestant, from 0; it gives the port.
        name: what the tables call it, and its database.
        factory: `full` or `lean`.
    """
    command = ["-m", "uvicorn", "--factory", f"bench.contestants.rival:{factory}", "--workers", "2"]
    command += ["--port", str(_FIRST_PORT + number), "--no-access-log", "--log-level", "warning"]
    given: dict[str, object] = {"DATABASE_URL": ground.database(name)}
    with _running(ground, number, name, command, given) as contestant:
        yield contestant


@contextmanager
def _running(
    ground: Ground, number: int, name: str, command: list[str], given: dict[str, object]
) -> Iterator[Contestant]:
    log = ground.directory / f"log-{number}"
    with log.open("wb") as out:
        program = [*with_only(given | {"JWT_SECRET_KEY": SECRET}), sys.executable, *command]
        process = spawn(program, cwd=ROOT, dies_by=signal.SIGTERM, log=out)
    try:
        port = _FIRST_PORT + number
        _await_answer(process, port, ground.tokens, log)
        yield Contestant(name, f"http://127.0.0.1:{port}", process.pid)
    finally:
        stop(process, signal.SIGTERM, 10)


def _await_answer(process: Process, port: int, tokens: Path, log: Path) -> None:
    with tokens.open() as lines:
        headers = {"Authorization": f"Bearer {lines.readline().strip()}"}
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port, headers):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartFailed(f"A contestant did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _answers(port: int, headers: Mapping[str, str]) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/tutorials/progress/tutorial-1", headers=dict(headers))
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
