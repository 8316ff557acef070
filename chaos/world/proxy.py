"""A small TCP proxy in front of PostgreSQL: it goes silent, cuts, and turns to another server."""

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
        self._flows = threading.Event()
        self._flows.set()
        self._ends: set[socket.socket] = set()

    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and hang up on all."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flows.set()
        self.cut()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """While nothing passes and nobody is told; what was sent meanwhile arrives afterwards."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    def cut(self) -> None:
        """Hang up on every connection there is."""
        for end in list(self._ends):
            _shut(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._flows.wait()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.target))
            except OSError:
                client.close()
                server.close()
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        self._ends.add(source)
        with source, suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                self._flows.wait()
                sink.sendall(piece)
        self._ends.discard(source)
        _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
