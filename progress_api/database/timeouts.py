"""Enforce timeouts on the client, because a frozen or unreachable server cannot enforce its own."""

import math
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event

from progress_api.signals import Signals

MAY_TAKE_LONG = "progress_may_take_long"  # key in `connection.info`: no timeout applies
_SWEEP_SECONDS = 0.1


class CheckoutTimeouts:
    """Close connections that stay checked out of their pool for too long."""

    def __init__(self, seconds: float, signals: Signals) -> None:
        """Set the timeout; `watch` starts to apply it.

        Args:
            seconds: longest time from checkout to return, more than 0.
            signals: where changes of the number of connections in use are sent.
        """
        self._seconds = seconds
        self._in_use = signals.connections_in_use
        self._sent = 0  # connections in use, as the signals say
        self._deadlines: dict[int, tuple[float, int, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._sweeper: threading.Thread | None = None

    def watch(self, engine: Engine) -> None:
        """Apply the timeout to the connections of an engine.

        A thread waiting on a connection that is closed gets a lost-connection error. Connections
        that are detached, or have MAY_TAKE_LONG in their `info`, have no timeout.

        Args:
            engine: the engine that creates the connections.
        """
        event.listen(engine, "checkout", self._start)
        for event_name in ("checkin", "detach", "invalidate"):
            event.listen(engine, event_name, self._stop)

    def _start(self, connection: Any, record: Any, _: object) -> None:
        with self._lock:
            deadline = time.monotonic() + self._seconds
            self._deadlines[id(record)] = deadline, connection.fileno(), record.info
            # The sweeper ends when no connection is in use, and does not survive a fork.
            if self._sweeper is None or not self._sweeper.is_alive():
                self._sweeper = threading.Thread(target=self._sweep, daemon=True)
                self._sweeper.start()

    def _stop(self, _: object, record: object, *__: object) -> None:
        # A lost connection is both invalidated and returned.
        with self._lock:
            self._deadlines.pop(id(record), None)

    def _sweep(self) -> None:
        while True:
            time.sleep(_SWEEP_SECONDS)
            # Hold the lock: otherwise the descriptor could be closed and reused before shutdown.
            with self._lock:
                self._send_change()
                if not self._deadlines:
                    self._sweeper = None
                    return
                self._disconnect()

    def _send_change(self) -> None:
        # Not at each checkout and return: every request would pay for two signals more
        # (docs/performance-appendix.md).
        change = len(self._deadlines) - self._sent
        if change:
            self._sent += change
            self._in_use.send(change=change)

    def _disconnect(self) -> None:
        now = time.monotonic()
        for key, (deadline, descriptor, info) in list(self._deadlines.items()):
            if now >= deadline and MAY_TAKE_LONG not in info:
                self._deadlines[key] = math.inf, descriptor, info
                # The connection may have been reset already; go on with the others.
                with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
                    connection.shutdown(socket.SHUT_RDWR)
