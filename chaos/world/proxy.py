"""A TCP proxy in front of PostgreSQL that can hang, lose responses, and change its server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

_BUFFER_BYTES = 65_536


class Proxy:
    """Forward bytes between a port and a Unix socket."""

    def __init__(self, port: int, target: Path) -> None:
        """Listen; the `with` starts to forward.

        Args:
            port: the port on this machine that clients connect to.
            target: the server's socket; if replaced, new connections use it.
        """
        self.port, self.target = port, target
        self._listener = socket.create_server(("127.0.0.1", port))
        self._requests, self._responses = threading.Event(), threading.Event()
        self._requests.set()
        self._responses.set()
        self._connections: set[socket.socket] = set()

    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._requests.set()
        self._responses.set()
        self._close_all()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Forward nothing during the `with`, and everything that was sent meanwhile after it."""
        flows = (self._requests, self._responses)
        for flow in flows:
            flow.clear()
        try:
            yield
        finally:
            for flow in flows:
                flow.set()

    @contextmanager
    def losing_responses(self) -> Iterator[None]:
        """Forward requests but no responses during the `with`, then close all connections."""
        self._responses.clear()
        try:
            yield
        finally:
            self._close_all()
            self._responses.set()

    def _close_all(self) -> None:
        for connection in list(self._connections):
            _shut_down(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._requests.wait()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.target))
            except OSError:
                client.close()
                server.close()
                continue
            for direction in ((client, server, self._requests), (server, client, self._responses)):
                threading.Thread(target=self._forward, args=direction, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, flows: threading.Event) -> None:
        self._connections.add(source)
        with source, suppress(OSError):
            while data := source.recv(_BUFFER_BYTES):
                flows.wait()
                sink.sendall(data)
        self._connections.discard(source)
        _shut_down(sink)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
