"""The worker process of gunicorn: its thread worker, except for how it ends connections."""

import socket
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_BYTES_AT_ONCE = 65_536


class Worker(ThreadWorker):
    """A thread worker that delays nobody when a connection ends, or when it stops itself.

    gunicorn's own keeps its listening sockets open while it waits for its last requests, up to 2
    seconds longer than they take, and accepts nothing. Connections that come meanwhile are reset
    when it ends; a proxy cannot send their requests to another server, because they may have been
    executed.

    gunicorn's own also waits for the client after its last response on a connection, for up to 2
    seconds or 64 KiB, in the thread that accepts all connections.
    """

    def set_accept_enabled(self, enabled: bool | None) -> None:  # noqa: FBT001 - as in gunicorn
        """Start or stop accepting; to end, accept the connections that wait, and close."""
        super().set_accept_enabled(enabled)
        while not enabled and not self.alive and self.sockets:
            listener = self.sockets.pop()
            self._accept_all(listener)
            listener.close()

    def _accept_all(self, listener: socket.socket) -> None:
        before = -1
        while before != self.nr_conns:  # it stays the same if no connection waits
            before = self.nr_conns
            self.accept(listener)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep a connection after a response, or close it once its client has closed."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def _linger(self, conn: Any) -> None:
        """Send no more, and discard what the client still sends, for as long as `keepalive`.

        TCP resets a connection that is closed before all is read, and the client may then lose the
        end of the response.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the client has closed, too
            self._end(conn)
            return
        conn.set_timeout()  # as that of the others in pending_conns, which is sorted by it
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))

    def _discard(self, conn: Any, sock: socket.socket) -> None:
        try:
            is_open = sock.recv(_BYTES_AT_ONCE) != b""
        except BlockingIOError:
            is_open = True
        except OSError:
            is_open = False
        if not is_open:
            self.poller.unregister(sock)
            self.pending_conns.remove(conn)
            self._end(conn)

    def _end(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()
