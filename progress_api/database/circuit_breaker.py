"""Notices that PostgreSQL has gone silent, so that not every request waits for it in turn."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, select

from progress_api.database.errors import errors_of, is_silence, is_unavailable
from progress_api.database.reasons import unavailable
from progress_api.exceptions import DatabaseUnavailable

# Where a single connection was silent, the database answers long before this.
_PATIENCE_SECONDS = 0.2
_OPTION = "progress_silence"


@contextmanager
def asking(engine: Engine) -> Iterator[None]:
    """While something is asked of a database.

    Args:
        engine: ours or a host's.

    Raises:
        DatabaseUnavailable: it cannot answer now, or is known to be silent.
    """
    silence: CircuitBreaker | None = engine.get_execution_options().get(_OPTION)
    if silence:
        silence.refuse()
    began = time.monotonic()
    try:
        yield
    except errors_of(engine) as error:
        if silence and is_silence(error, time.monotonic() - began):
            silence.begin()
        if is_unavailable(error):
            raise unavailable(error) from error
        raise


def install_circuit_breaker(engine: Engine) -> None:
    """Refuse at once what is asked of a database that has stopped to answer, until it answers.

    Args:
        engine: of our own, whose connections have deadlines.
    """
    engine.update_execution_options(**{_OPTION: CircuitBreaker(engine)})


class CircuitBreaker:
    """Whether a database has stopped to answer, as one does that is frozen or out of reach."""

    def __init__(self, engine: Engine) -> None:
        """Start closed: statements pass."""
        self._engine = engine
        self._lock = threading.Lock()
        self._one_waits = threading.Lock()
        self._over = threading.Event()
        self._over.set()
        self._patience_ends = 0.0

    def refuse(self) -> None:
        """Raise where it is silent, also after a moment in which it may prove not to be."""
        if not self._over.is_set() and not self._ends_soon():
            raise DatabaseUnavailable

    def _ends_soon(self) -> bool:
        doubtful = self._patience_ends - time.monotonic()
        if doubtful > 0:
            return self._over.wait(doubtful)
        # One waits, so that the first to ask when it answers again is served; the others would
        # only keep threads that are needed to refuse.
        if not self._one_waits.acquire(blocking=False):
            return False
        try:
            return self._over.wait(_PATIENCE_SECONDS)
        finally:
            self._one_waits.release()

    def begin(self) -> None:
        """Ask, from now until it answers, on behalf of all."""
        with self._lock:
            if not self._over.is_set():
                return
            self._over.clear()
            self._patience_ends = time.monotonic() + _PATIENCE_SECONDS
        self._engine.dispose()  # what is wrong with one connection is wrong with those of its age
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        try:
            while self._lasts():
                pass
        finally:
            self._over.set()

    def _lasts(self) -> bool:
        began = time.monotonic()
        try:
            with self._engine.connect() as connection:
                connection.execute(select(1))
        except errors_of(self._engine) as error:
            return is_silence(error, time.monotonic() - began)
        return False
