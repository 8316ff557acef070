"""nginx as `deploy/nginx.conf` has it, but that it retries nothing."""

import signal
import ssl
import subprocess
import time
from http.client import HTTPSConnection
from pathlib import Path
from typing import Self

from bench.ground import ROOT
from chaos.world.machine import free_port, program
from embedded import StartFailed
from embedded.processes import Process, spawn, stop

_START_SECONDS = 10.0


class Nginx:
    """A proxy that ends TLS, from the start of the `with` until its end."""

    def __init__(self, directory: Path, behind: int) -> None:
        """Write its configuration and its certificate.

        Args:
            directory: where it keeps all.
            behind: the port of the service.

        Raises:
            NotHere: nginx or openssl is missing.
        """
        self.port = free_port()
        self._directory = directory / "nginx"
        (self._directory / "tls").mkdir(parents=True)
        self._certify()
        self._context = ssl.create_default_context(cafile=self._certificate)
        text = (ROOT / "deploy/nginx.conf").read_text()
        for before, after in {
            "listen 80": f"listen 127.0.0.1:{free_port()}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "127.0.0.1:8000": f"127.0.0.1:{behind}",
            "access_log off;": "access_log off; proxy_next_upstream off;",
        }.items():
            assert before in text, before
            text = text.replace(before, after)
        (self._directory / "nginx.conf").write_text(text)
        self._process: Process | None = None

    def __enter__(self) -> Self:
        """Start, and wait until it takes connections."""
        kept = f"daemon off; pid {self._directory}/pid; error_log {self._directory}/error.log;"
        command = [program("nginx", "nginx-light"), "-p", self._directory, "-g", kept]
        command += ["-c", self._directory / "nginx.conf"]
        self._process = spawn([*map(str, command)], cwd=self._directory, dies_by=signal.SIGTERM)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise StartFailed("nginx did not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        if self._process:
            stop(self._process, signal.SIGTERM, 5)

    def connect(self) -> HTTPSConnection:
        """Return a connection, which is made at its first request."""
        return HTTPSConnection("127.0.0.1", self.port, context=self._context)

    def _answers(self) -> bool:
        connection = self.connect()
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    @property
    def _certificate(self) -> Path:
        return self._directory / "tls/fullchain.pem"

    def _certify(self) -> None:
        key, certificate = self._directory / "tls/privkey.pem", self._certificate
        made = ["-keyout", str(key), "-out", str(certificate)]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = [program("openssl", "openssl"), "req", "-x509", *kind, *named, *made]
        subprocess.run(command, check=True, capture_output=True)
