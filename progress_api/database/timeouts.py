"""Ends what PostgreSQL does not end: a frozen server, or one out of reach, keeps no timeout."""

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event

MAY_TAKE_LONG = "progress_may_take_long"  # in a connection's info: it has no deadline
_SWEEP_SECONDS = 0.1


class CheckoutTimeouts:
    """How long each connection of an engine may be in use."""

    def __init__(self, seconds: float, in_use: Callable[[int], object]) -> None:
        """Watch nothing yet.

        Args:
            seconds: from when a connection is taken until it must be back, more than 0.
            in_use: is told how many more are in use now: 1, or -1.
        """
        self._seconds = seconds
        self._in_use = in_use
        self._ends: dict[int, tuple[float, int, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._sweeper: threading.Thread | None = None

    def watch(self, engine: Engine) -> None:
        """Hang up on the server where a connection is not back in time.

        Who waits for its answer then gets the error of a lost connection. A connection that is
        detached from the pool, or has MAY_TAKE_LONG in its info, may take as long as it likes.

        Args:
            engine: of the connections.
        """
        event.listen(engine, "checkout", self._start)
        for returned in ("checkin", "detach", "invalidate"):
            event.listen(engine, returned, self._stop)

    def _start(self, connection: Any, record: Any, _: object) -> None:
        with self._lock:
            end = time.monotonic() + self._seconds
            self._ends[id(record)] = end, connection.fileno(), record.info
            self._in_use(1)
            # A thread does not outlive a fork, nor a time in which there is nothing to watch.
            if self._sweeper is None or not self._sweeper.is_alive():
                self._sweeper = threading.Thread(target=self._sweep, daemon=True)
                self._sweeper.start()

    def _stop(self, _: object, record: object, *__: object) -> None:
        # One that is lost is both invalidated and given back.
        with self._lock:
            was_in_use = self._ends.pop(id(record), None)
        if was_in_use:
            self._in_use(-1)

    def _sweep(self) -> None:
        while True:
            time.sleep(_SWEEP_SECONDS)
            # Under the lock: a file that is closed meanwhile may be another one's when it is used.
            with self._lock:
                if not self._ends:
                    self._sweeper = None
                    return
                self._disconnect()

    def _disconnect(self) -> None:
        now = time.monotonic()
        for key, (end, file, info) in list(self._ends.items()):
            if now >= end and MAY_TAKE_LONG not in info:
                self._ends[key] = math.inf, file, info
                # It may have been reset already; the other ones wait still.
                with suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
                    connection.shutdown(socket.SHUT_RDWR)
