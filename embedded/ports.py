"""Ports and addresses on this machine."""

import secrets
import time
from contextlib import suppress
from errno import EADDRINUSE
from socket import AF_INET, AF_INET6, create_server, socket

# Below Linux's range for outgoing connections, which could otherwise take a port at any time.
_PORTS = range(20_000, 32_000)
# The ports of a killed process are freed shortly after the process has disappeared.
_RELEASE_SECONDS = 1.0


def free_port() -> int:
    """Return a port of 127.0.0.1 that is not in use."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), create_server(("127.0.0.1", port)):
            return port


def listen(host: str, port: int) -> socket:
    """Return a listening socket; wait up to a second for a port that is still in use.

    Raises:
        OSError: the port is in use, or the host is not an address of this machine.
    """
    family = AF_INET6 if ":" in host else AF_INET
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        try:
            return create_server((host, port), family=family)
        except OSError as error:
            if error.errno != EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def reachable(host: str) -> str:
    """Return the address that a client connects to when a server listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def http_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host` and `port`."""
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
