"""Real servers for one row of the table: PostgreSQL with fsync on, Valkey, gunicorn."""

import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2

from bench.ground import ROOT, SECRET, migrate, with_only
from chaos.client import Connect
from chaos.proxy import Proxy
from embedded import Postgres, StartFailed, Valkey
from embedded.processes import Process, spawn, stop

_PORTS = range(21_000, 22_000)  # below those that are given to outgoing connections
_START_SECONDS = 30.0
_UNLIMITED = "100000000/minute"
_WORKERS, _THREADS = 2, 4


class Service:
    """Gunicorn as it is deployed, with two workers."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, object],
        *,
        root: Path = ROOT,
        wrapped: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            directory: where its output and its temporary files go.
            settings: by their names in the environment.
            root: where the code is.
            wrapped: what it is started by, such as a program that sets its clock.
        """
        self.port, self.metrics_port = free_port(), free_port()
        self.log = directory / f"service-{self.port}.log"
        self._temporary = directory / f"temporary-{self.port}"
        self._temporary.mkdir()
        own = {"PORT": self.port, "METRICS_PORT": self.metrics_port, "TMPDIR": self._temporary}
        fixed = {"JWT_SECRET_KEY": SECRET, "WEB_CONCURRENCY": _WORKERS, "WEB_THREADS": _THREADS}
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        self._command = [*with_only(fixed | own | dict(settings)), *wrapped, *gunicorn]
        self._root = root
        self._process: Process | None = None

    def start(self, seconds: float = _START_SECONDS) -> None:
        """Start, and wait until it is ready.

        Raises:
            StartFailed: with the end of its log.
        """
        with self.log.open("ab") as log:
            self._process = spawn(self._command, cwd=self._root, dies_by=signal.SIGTERM, log=log)
        deadline = time.monotonic() + seconds
        while self.ask("GET", "/readyz")[0] != 200:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartFailed(f"gunicorn did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop in good order."""
        if self._process:
            stop(self._process, signal.SIGTERM, 15)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to gunicorn's master."""
        self.master.send_signal(number)

    @property
    def master(self) -> psutil.Process:
        """The first of its processes."""
        assert self._process, "not started"
        return psutil.Process(self._process.pid)

    def reap(self) -> None:
        """Wait until the master has ended."""
        assert self._process, "not started"
        self._process.wait()

    def workers(self) -> list[psutil.Process]:
        """Its workers that have loaded the service."""
        return [one for one in self.master.children() if self._has_loaded(one)]

    def is_whole(self) -> bool:
        """Whether all its workers serve."""
        return len(self.workers()) == _WORKERS

    def connect(self) -> HTTPConnection:
        """Return a connection, which is made at its first request."""
        return HTTPConnection("127.0.0.1", self.port)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, float]:
        """Send one request on a connection of its own; return its status, and how long it took.

        The status is 0 where no answer came.
        """
        began, status = time.monotonic(), 0
        with suppress(OSError, HTTPException), closing(self.connect()) as connection:
            connection.timeout = 30
            connection.request(method, path, headers=dict(headers or {}))
            status = connection.getresponse().status
        return status, time.monotonic() - began

    def measured(self, name: str) -> float:
        """Return the value of one of its metrics that has no labels."""
        with closing(HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)) as connection:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def _has_loaded(self, worker: psutil.Process) -> bool:
        # The files that it counts in are made when the service is.
        return any(self._temporary.glob(f"*/*_{worker.pid}.db"))


@dataclass(frozen=True)
class Needs:
    """What a row has beside PostgreSQL, Valkey and gunicorn.

    Args:
        proxied: the small proxy before PostgreSQL.
    """

    proxied: bool = False


class World:
    """All servers of a row, from the start of the `with` until its end."""

    def __init__(self, directory: Path, needs: Needs) -> None:
        """Prepare.

        Args:
            directory: where everything is kept; empty.
            needs: what there is.
        """
        self.directory, self._needs = directory, needs
        self._running = ExitStack()
        self.postgres = Postgres(directory / "postgres", durable=True)
        self.valkey = Valkey(directory / "valkey")
        self.proxy: Proxy | None = None

    def __enter__(self) -> Self:
        """Start all."""
        with ExitStack() as starting:
            starting.enter_context(self.postgres)
            starting.enter_context(self.valkey)
            migrate(self.postgres.url())
            self.sql("CREATE ROLE service LOGIN")
            self.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO service")
            self.service = Service(self.directory, self.settings(self._database_url(starting)))
            starting.callback(self.service.stop)
            self.service.start()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all."""
        self._running.close()

    def _database_url(self, starting: ExitStack) -> str:
        url = self.postgres.url().replace("app@", "service@")
        if not self._needs.proxied:
            return url
        port = free_port()
        target = self.postgres.sockets / self.postgres.socket_name
        self.proxy = starting.enter_context(Proxy(port, target))
        return f"postgresql://service@127.0.0.1:{port}/progress"

    def settings(self, database_url: str) -> dict[str, object]:
        """Return those of a service: the limits are out of reach, but for that of resets."""
        unlimited = {f"RATELIMIT_{name}": _UNLIMITED for name in ("GET", "CHAPTER", "QUIZ")}
        named = {"DATABASE_URL": database_url, "RATELIMIT_STORAGE_URI": self.valkey.url}
        return named | unlimited

    @property
    def connect(self) -> Connect:
        """To what the clients speak to."""
        return self.service.connect

    def sql(self, statement: str) -> Any:
        """Run a statement as an operator would; return the first value of its first row."""
        # Whatever the default is, an operator writes.
        options = "-c default_transaction_read_only=off"
        with closing(psycopg2.connect(self.postgres.url(), options=options)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None

    def connections(self) -> int:
        """Return how many connections of services PostgreSQL has."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'service'"))


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
