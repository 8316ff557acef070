"""nginx with `deploy/nginx.conf`, in front of one service or several.

Requests are not sent again if there is only one: that must fail none either.
"""

import signal
import ssl
import subprocess
from collections.abc import Sequence
from http.client import HTTPSConnection
from pathlib import Path

from chaos.world.machine import program
from embedded.daemon import Daemon
from embedded.local import ROOT
from embedded.ports import free_port
from embedded.processes import Process, spawn


class Nginx(Daemon):
    """A proxy that terminates TLS; ready when it accepts connections."""

    name = "nginx"

    def __init__(self, directory: Path, service_ports: Sequence[int]) -> None:
        """Write its configuration and its certificate.

        Args:
            directory: holds all its files.
            service_ports: the ports of the services.

        Raises:
            RequirementMissing: nginx or openssl is not installed.
        """
        self.port = free_port()
        self._directory = directory / "nginx"
        (self._directory / "tls").mkdir(parents=True)
        self._create_certificate()
        self._context = ssl.create_default_context(cafile=self._certificate)
        text = (ROOT / "deploy/nginx.conf").read_text()
        retries = "proxy_next_upstream off;" if len(service_ports) == 1 else ""
        servers = [f"server 127.0.0.1:{port} fail_timeout=1s;" for port in service_ports]
        for before, after in {
            "listen 80": f"listen 127.0.0.1:{free_port()}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "server 127.0.0.1:8000;": " ".join(servers),
            "access_log off;": f"access_log off; {retries}",
        }.items():
            assert before in text, before
            text = text.replace(before, after)
        (self._directory / "nginx.conf").write_text(text)

    def connect(self) -> HTTPSConnection:
        """Return a connection that opens with its first request."""
        return HTTPSConnection("127.0.0.1", self.port, context=self._context)

    def _command(self) -> list[str | Path]:
        files = f"daemon off; pid {self._directory}/pid; error_log {self._directory}/error.log;"
        configuration = self._directory / "nginx.conf"
        nginx = program("nginx", "nginx-light")
        return [nginx, "-p", self._directory, "-g", files, "-c", configuration]

    def _spawn(self, command: Sequence[str | Path]) -> Process:
        return spawn(command, cwd=self._directory, death_signal=signal.SIGTERM)

    def _is_ready(self) -> bool:
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

    def _create_certificate(self) -> None:
        key = self._directory / "tls/privkey.pem"
        files = ["-keyout", str(key), "-out", str(self._certificate)]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = [program("openssl", "openssl"), "req", "-x509", *kind, *names, *files]
        subprocess.run(command, check=True, capture_output=True)
