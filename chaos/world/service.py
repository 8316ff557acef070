"""The service as it is deployed, with two workers."""

import math
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from bench.testbed import SECRET
from embedded.gunicorn import Gunicorn
from embedded.local import ROOT
from embedded.ports import free_port

_WORKERS, _THREADS = 2, 4
CONNECTIONS = _WORKERS * _THREADS


class Service(Gunicorn):
    """The service with two workers; ready when its own workers run and `/readyz` returns 200."""

    log: Path

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, object],
        *,
        root: Path = ROOT,
        holds_port: bool = False,
    ) -> None:
        """Prepare; `start` starts it.

        Args:
            directory: holds its log and its temporary files.
            settings: by the names of their environment variables.
            root: its working directory, from which it imports the code.
            holds_port: keep its port open between a stop and a start, as a systemd socket does.
        """
        port = free_port()
        self._temporary = directory / f"temporary-{port}"
        self._temporary.mkdir()
        fixed = {"JWT_SECRET_KEY": SECRET, "WEB_CONCURRENCY": _WORKERS, "WEB_THREADS": _THREADS}
        environment = {"PORT": port, "TMPDIR": self._temporary, **fixed, **settings}
        super().__init__(environment, log=directory / f"service-{port}.log", root=root)
        self._held = socket.create_server(("127.0.0.1", port)) if holds_port else None
        self.inherited = [self._held.fileno()] if self._held else []

    def __exit__(self, *_: object) -> None:
        """Stop, and release the port."""
        super().__exit__()
        if self._held:
            self._held.close()

    def workers(self) -> list[psutil.Process]:
        """Return the workers that have loaded the service."""
        return [worker for worker in super().workers() if self._has_loaded(worker)]

    def is_complete(self) -> bool:
        """Return whether all workers serve."""
        return len(self.workers()) == _WORKERS

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels; NaN when it is missing."""
        lines: list[str] = []
        address = ("127.0.0.1", self.metrics_port)
        with suppress(OSError, HTTPException), closing(HTTPConnection(*address)) as connection:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        values = [float(line.split()[1]) for line in lines if line.startswith(f"{name} ")]
        return values[0] if values else math.nan

    def _command(self) -> Sequence[str | Path]:
        command = super()._command()
        if not self._held:
            return command
        # A shell knows the process id that gunicorn will have.
        handover = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{self._held.fileno()}'
        return ["sh", "-c", handover, "sh", *command]

    def _is_ready(self) -> bool:
        # Orphans of a killed master may respond too.
        return bool(self.workers()) and self.status("/readyz") == HTTPStatus.OK

    def _has_loaded(self, worker: psutil.Process) -> bool:
        # A worker creates its metrics files when it loads the service.
        return any(self._temporary.glob(f"*/*_{worker.pid}.db"))
