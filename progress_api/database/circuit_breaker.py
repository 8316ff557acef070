"""Fail fast while PostgreSQL does not respond, instead of letting each request wait in turn."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, select

from progress_api.database.errors import errors_of, is_unavailable, is_unresponsive, unavailable
from progress_api.exceptions import DatabaseUnavailable

# Enough for the probe if only one connection was lost and the database itself responds.
_GRACE_SECONDS = 0.2
_OPTION = "progress_circuit_breaker"


@contextmanager
def guard(engine: Engine) -> Iterator[None]:
    """Run this block unless the engine's circuit breaker is open, and translate its failures.

    Args:
        engine: the service's engine or a host's, which has no circuit breaker.

    Raises:
        DatabaseUnavailable: the database failed, or the circuit breaker is open.
    """
    breaker: CircuitBreaker | None = engine.get_execution_options().get(_OPTION)
    if breaker:
        breaker.raise_if_open()
    began = time.monotonic()
    try:
        yield
    except errors_of(engine) as error:
        if breaker and is_unresponsive(error, time.monotonic() - began):
            breaker.open()
        if is_unavailable(error):
            raise unavailable(error) from error
        raise


def install_circuit_breaker(engine: Engine) -> None:
    """Give an engine a circuit breaker, which `guard` uses.

    Args:
        engine: the service's engine, whose connections have timeouts.
    """
    engine.update_execution_options(**{_OPTION: CircuitBreaker(engine)})


class CircuitBreaker:
    """Rejects statements after a database stopped responding, until a probe succeeds."""

    def __init__(self, engine: Engine) -> None:
        """Start closed: statements pass."""
        self._engine = engine
        self._lock = threading.Lock()
        self._waiter = threading.Lock()
        self._closed = threading.Event()
        self._closed.set()
        self._grace_ends = 0.0

    def raise_if_open(self) -> None:
        """Raise while the breaker is open, after a short grace period for the probe.

        Raises:
            DatabaseUnavailable: the database does not respond.
        """
        if not self._closed.is_set() and not self._closes_soon():
            raise DatabaseUnavailable

    def _closes_soon(self) -> bool:
        grace = self._grace_ends - time.monotonic()
        if grace > 0:
            return self._closed.wait(grace)
        # One thread waits, so that a request is served as soon as the database responds again.
        # More of them would only block threads that are needed to reject requests.
        if not self._waiter.acquire(blocking=False):
            return False
        try:
            return self._closed.wait(_GRACE_SECONDS)
        finally:
            self._waiter.release()

    def open(self) -> None:
        """Reject statements from now on, and probe the database until it responds."""
        with self._lock:
            if not self._closed.is_set():
                return
            self._closed.clear()
            self._grace_ends = time.monotonic() + _GRACE_SECONDS
        self._engine.dispose()  # its other connections are broken too
        threading.Thread(target=self._probe_until_answered, daemon=True).start()

    def _probe_until_answered(self) -> None:
        try:
            while self._is_still_unresponsive():
                pass
        finally:
            self._closed.set()

    def _is_still_unresponsive(self) -> bool:
        began = time.monotonic()
        try:
            with self._engine.connect() as connection:
                connection.execute(select(1))
        except errors_of(self._engine) as error:
            return is_unresponsive(error, time.monotonic() - began)
        return False
