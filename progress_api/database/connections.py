"""Take usable connections from a pool, and control their transactions."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError

from progress_api.database.errors import errors_of, is_disconnect
from progress_api.signals import Signals

_FIRST_USED = "progress_first_used"
# Missing on Windows, and removed by eventlet.
_poll = getattr(select, "poll", None)


@contextmanager
def checked_connection(
    engine: Engine, signals: Signals | None = None, since: float = 0.0
) -> Iterator[Connection]:
    """Take a pooled connection that PostgreSQL has not closed.

    Args:
        engine: the service's engine or a host's.
        signals: where the wait for a connection is sent.
        since: replace connections first used before this time of `time.monotonic`.
    """
    began, pool = perf_counter(), engine.pool
    try:
        connection = _connect(engine)
    finally:  # failed waits count too: they are the longest
        _send_wait(signals, began)
    while not _is_usable(connection.connection, since):
        connection.invalidate()
        connection.close()
        connection = _connect(engine)  # runs the host's events, which may configure the connection
    with connection:
        try:
            yield connection
        finally:
            if engine.pool is not pool:  # the pool was replaced while this connection was in use
                connection.invalidate()


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    # An event handler of the host was the first to use a connection that PostgreSQL had closed.
    return engine.connect()


@contextmanager
def pooled_connection(
    engine: Engine, signals: Signals | None, since: float
) -> Iterator[PoolProxiedConnection]:
    """Take a DBAPI connection from the pool, without the overhead of SQLAlchemy's `Connection`.

    Args:
        engine: the service's engine.
        signals: where the wait for a connection is sent.
        since: replace connections first used before this time of `time.monotonic`.
    """
    began, pool = perf_counter(), engine.pool
    try:
        connection = engine.raw_connection()
    finally:
        _send_wait(signals, began)
    while not _is_usable(connection, since):
        connection.invalidate()
        connection = engine.raw_connection()
    try:
        yield connection
    except errors_of(engine) as error:
        if is_disconnect(error):
            connection.invalidate(error)
        raise
    finally:
        if engine.pool is not pool and connection.is_valid:
            connection.invalidate()
        connection.close()


@contextmanager
def autocommit(connection: PoolProxiedConnection, *, wanted: bool) -> Iterator[None]:
    """Turn the driver's autocommit on or off in this block.

    The drivers store the flag on the client, so no round trip is needed.

    Args:
        connection: must have no open transaction if the flag changes.
        wanted: whether the driver commits each statement.
    """
    driver: Any = connection.driver_connection
    before = driver.autocommit
    if before == wanted:
        yield
        return
    driver.autocommit = wanted
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = before


@contextmanager
def one_transaction(connection: PoolProxiedConnection) -> Iterator[None]:
    """Run this block as one transaction on a connection in autocommit mode.

    Args:
        connection: if it is not in autocommit mode, its transaction is left as it is.
    """
    driver: Any = connection.driver_connection
    if not driver.autocommit:
        yield
        return
    with autocommit(connection, wanted=False):
        try:
            yield
            driver.commit()
        finally:
            if not driver.closed:
                driver.rollback()  # no round trip after a commit


def _send_wait(signals: Signals | None, began: float) -> None:
    if signals:
        signals.connection_awaited.send(seconds=perf_counter() - began)


def _is_usable(connection: PoolProxiedConnection, since: float) -> bool:
    first_used: float = connection.info.setdefault(_FIRST_USED, monotonic())
    return first_used >= since and not _is_closed_by_server(connection)


def _is_closed_by_server(connection: PoolProxiedConnection) -> bool:
    """Return whether PostgreSQL has closed an idle connection, which makes its socket readable.

    This takes one system call, where a ping takes a round trip. Because a write is sent only on an
    open connection, it never has to be sent twice.
    """
    driver: Any = connection.driver_connection
    return driver.closed or _is_readable(driver.fileno())


def _is_readable(descriptor: int) -> bool:
    if not _poll:
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = _poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
