"""Contestants that serve HTTP: the service as it is deployed, and the rival."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.testbed import SECRET, Testbed
from embedded.gunicorn import Gunicorn, HttpServer
from embedded.ports import free_port

_LIMITS = ("GET", "CHAPTER", "QUIZ", "COMPLETE", "RESET", "LIST", "EVENTS")


@dataclass(frozen=True)
class Contestant:
    """A running server that is measured.

    Args:
        name: what the tables call it.
        url: its address, without a path.
        process_id: the id of its first process, the parent of all others.
    """

    name: str
    url: str
    process_id: int


class _Rival(HttpServer):
    """The rival under uvicorn; ready when it responds."""

    name = "uvicorn"

    def __init__(self, settings: dict[str, object], factory: str, log: Path) -> None:
        super().__init__(settings, port=free_port(), log=log)
        self._factory = f"bench.contestants.rival:{factory}"

    def _command(self) -> Sequence[str]:
        command = [sys.executable, "-m", "uvicorn", "--factory", self._factory, "--workers", "2"]
        quiet = ["--no-access-log", "--log-level", "warning"]
        return [*command, "--port", str(self.port), *quiet]

    def _is_ready(self) -> bool:
        return self.status("/") != 0


@contextmanager
def service(testbed: Testbed, name: str, **settings: object) -> Iterator[Contestant]:
    """Serve with everything on, and rate limits that are never reached.

    Args:
        testbed: the servers that it uses.
        name: what the tables call it, and the name of its database.
        settings: by the names of their environment variables; DATABASE_URL is a database of its
            own by default, and DRIVER replaces the driver in it.
    """
    driver = str(settings.pop("DRIVER", "postgresql"))
    database_url = str(settings.pop("DATABASE_URL", "") or testbed.database(name))
    environment = {
        "DATABASE_URL": database_url.replace("postgresql", driver, 1),
        "RATELIMIT_STORAGE_URI": testbed.valkey.url,
        "JWT_SECRET_KEY": SECRET,
        **{f"RATELIMIT_{limit}": "100000000/minute" for limit in _LIMITS},
        **settings,
    }
    with Gunicorn(environment, log=testbed.directory / f"{name}.log") as server:
        yield Contestant(name, server.url, server.process_id)


@contextmanager
def rival(testbed: Testbed, name: str, factory: str) -> Iterator[Contestant]:
    """Serve the rival with two processes, as many as the service has.

    Args:
        testbed: the servers that it uses.
        name: what the tables call it, and the name of its database.
        factory: `full` or `lean`, see `bench.contestants.rival`.
    """
    environment: dict[str, object] = {
        "DATABASE_URL": testbed.database(name),
        "JWT_SECRET_KEY": SECRET,
    }
    with _Rival(environment, factory, testbed.directory / f"{name}.log") as server:
        yield Contestant(name, server.url, server.process_id)
