"""The service as it is deployed: gunicorn, two workers, their ports and what they write."""

import math
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

import psutil

from bench.ground import ROOT, SECRET, with_only
from chaos.world.machine import free_port
from embedded import StartFailed
from embedded.processes import Process, spawn, stop

_START_SECONDS = 30.0
_WORKERS, _THREADS = 2, 4
CONNECTIONS = _WORKERS * _THREADS


class Service:
    """Gunicorn as it is deployed, with two workers."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, object],
        *,
        root: Path = ROOT,
        held: bool = False,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            directory: where its output and its temporary files go.
            settings: by their names in the environment.
            root: where the code is.
            held: whether its port outlives it, as one that systemd holds for it.
        """
        self.port, self.metrics_port = free_port(), free_port()
        self._held = socket.create_server(("127.0.0.1", self.port)) if held else None
        self.log = directory / f"service-{self.port}.log"
        self._temporary = directory / f"temporary-{self.port}"
        self._temporary.mkdir()
        own = {"PORT": self.port, "METRICS_PORT": self.metrics_port, "TMPDIR": self._temporary}
        fixed = {"JWT_SECRET_KEY": SECRET, "WEB_CONCURRENCY": _WORKERS, "WEB_THREADS": _THREADS}
        program = [sys.executable, "-m", "gunicorn", "-c", "python:progress_api.serving"]
        given = with_only(fixed | own | dict(settings))
        self._command = [*given, *program, "progress_api.wsgi:app"]
        if self._held:  # from the shell, whose process id is to be gunicorn's
            handed = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{self._held.fileno()}'
            self._command = ["sh", "-c", handed, "sh", *self._command]
        self._root = root
        self._process: Process | None = None

    def start(self, seconds: float = _START_SECONDS) -> None:
        """Start, and wait until it is ready.

        Raises:
            StartFailed: with the end of its log.
        """
        inherits = [self._held.fileno()] if self._held else []
        with self.log.open("ab") as log:
            self._process = spawn(
                self._command, cwd=self._root, dies_by=signal.SIGTERM, log=log, inherits=inherits
            )
        deadline = time.monotonic() + seconds
        # Orphans of a master that was killed may answer, too.
        while not self.workers() or self.ask("GET", "/readyz")[0] != 200:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartFailed(f"gunicorn did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and give the port back."""
        self.stop()
        if self._held:
            self._held.close()

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
        """Return the value of one of its metrics that has no labels; NaN where it tells none."""
        lines: list[str] = []
        address = ("127.0.0.1", self.metrics_port)
        with suppress(OSError, HTTPException), closing(HTTPConnection(*address)) as connection:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        told = [float(line.split()[1]) for line in lines if line.startswith(f"{name} ")]
        return told[0] if told else math.nan

    def _has_loaded(self, worker: psutil.Process) -> bool:
        # The files that it counts in are made when the service is.
        return any(self._temporary.glob(f"*/*_{worker.pid}.db"))
