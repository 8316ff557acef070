"""A small TCP proxy before PostgreSQL: it goes silent, loses answers, turns to another server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

_PIECE_BYTES = 65_536


class Proxy:
    """Passes bytes on between a port and a Unix socket."""

    def __init__(self, port: int, target: Path) -> None:
        """Listen; nothing is passed on before the `with`.

        Args:
            port: where clients connect, on this machine.
            target: the socket of the server; another one may be set, for new connections.
        """
        self.port, self.target = port, target
        self._listener = socket.create_server(("127.0.0.1", port))
        self._asked, self._answered = threading.Event(), threading.Event()
        self._asked.set()
        self._answered.set()
        self._ends: set[socket.socket] = set()

    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and hang up on all."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._asked.set()
        self._answered.set()
        self._cut()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """While nothing passes and nobody is told; what was sent meanwhile arrives afterwards."""
        flows = (self._asked, self._answered)
        for flow in flows:
            flow.clear()
        try:
            yield
        finally:
            for flow in flows:
                flow.set()

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """While the server hears what it is asked, and its answers are lost; then all is cut."""
        self._answered.clear()
        try:
            yield
        finally:
            self._cut()
            self._answered.set()

    def _cut(self) -> None:
        for end in list(self._ends):
            _shut(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._asked.wait()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.target))
            except OSError:
                client.close()
                server.close()
                continue
            for way in ((client, server, self._asked), (server, client, self._answered)):
                threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, flows: threading.Event) -> None:
        self._ends.add(source)
        with source, suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                flows.wait()
                sink.sendall(piece)
        self._ends.discard(source)
        _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
