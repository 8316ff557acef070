"""The service as it is deployed: gunicorn with `progress_api.serving`."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import fields
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from embedded.daemon import Daemon
from embedded.local import ROOT
from embedded.ports import free_port, http_url, reachable
from embedded.processes import Process, spawn
from progress_api.settings import Settings

CONFIG = "python:progress_api.serving"
APP = "progress_api.wsgi:app"
_SETTINGS = {field.name.upper() for field in fields(Settings)} | {"PROMETHEUS_MULTIPROC_DIR"}


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the service's settings."""
    return {name: value for name, value in environment.items() if name not in _SETTINGS}


def service_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return this process's environment with the given settings, and no others, of the service.

    Args:
        settings: values by the names of their environment variables.
    """
    given = {name: str(value) for name, value in settings.items()}
    return without_settings(os.environ) | given


class HttpServer(Daemon):
    """A program that serves HTTP on a port of this machine."""

    stop_seconds = 15.0

    def __init__(
        self,
        settings: Mapping[str, object],
        *,
        port: int,
        host: str = "127.0.0.1",
        log: Path | None = None,
        root: Path = ROOT,
    ) -> None:
        """Prepare; `start` starts it.

        Args:
            settings: the service's settings, by the names of their environment variables.
            port: where it listens, as its settings or its command tell it.
            host: the address it listens on.
            log: the file that its output is appended to; None for the terminal.
            root: its working directory, from which it imports the code.
        """
        self.environment = service_environment(settings)
        self.port, self.host = port, reachable(host)
        self.log, self.root = log, root
        # File descriptors that stay open in the child.
        self.inherited: Sequence[int] = ()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return http_url(self.host, self.port)

    def connect(self) -> HTTPConnection:
        """Return a connection that opens with its first request."""
        return HTTPConnection(self.host, self.port, timeout=30)

    def status(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> int:
        """Send a request on a new connection; return the status, or 0 without a response."""
        with suppress(OSError, HTTPException), closing(self.connect()) as connection:
            connection.request(method, path, headers=dict(headers or {}))
            return connection.getresponse().status
        return 0

    def _spawn(self, command: Sequence[str | Path]) -> Process:
        return spawn(
            command,
            cwd=self.root,
            death_signal=self.stop_signal,
            log=self.log,
            inherited=self.inherited,
            environment=self.environment,
        )


class Gunicorn(HttpServer):
    """The service under gunicorn; ready when `/healthz` returns 200.

    Attributes:
        program: starts gunicorn; as a module, so that its configuration is imported from `root`.
    """

    name = "gunicorn"
    program: Sequence[str] = (sys.executable, "-m", "gunicorn")

    def __init__(
        self,
        settings: Mapping[str, object],
        *,
        log: Path | None = None,
        root: Path = ROOT,
        options: Sequence[str] = (),
    ) -> None:
        """Prepare; `start` starts it.

        Args:
            settings: the service's settings, by the names of their environment variables; PORT and
                METRICS_PORT are free ports by default.
            log: the file that its output is appended to; None for the terminal.
            root: its working directory, from which it imports the code.
            options: further options of gunicorn's command line.
        """
        settings = {"PORT": free_port(), "METRICS_PORT": free_port(), **settings}
        host, port = str(settings.get("HOST", "127.0.0.1")), int(str(settings["PORT"]))
        super().__init__(settings, port=port, host=host, log=log, root=root)
        self.metrics_port = int(str(settings["METRICS_PORT"]))
        self._options = options

    @property
    def master(self) -> psutil.Process:
        """Gunicorn's master process."""
        return psutil.Process(self.process_id)

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes."""
        return self.master.children()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        self.process.send_signal(number)

    def _command(self) -> Sequence[str | Path]:
        return [*self.program, "-c", CONFIG, *self._options, APP]

    def _is_ready(self) -> bool:
        return self.status("/healthz") == HTTPStatus.OK
