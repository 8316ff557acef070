"""The worker process of gunicorn: its thread worker, except for how it stops listening."""

import socket

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """A thread worker that closes its listening sockets as soon as it receives SIGTERM.

    gunicorn's own keeps them open while it waits for its last requests, up to 2 seconds longer than
    they take, and accepts nothing. Connections that come meanwhile are reset when it ends; a proxy
    cannot send their requests to another server, because they may have been executed.
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
