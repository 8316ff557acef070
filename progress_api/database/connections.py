"""Connections of a pool that PostgreSQL has not closed and whose prepared statements still hold."""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError

from progress_api.database.errors import errors_of, is_disconnect

Awaited = Callable[[float], object]
_SEEN = "progress_seen"
# Windows has none, and eventlet deletes it.
_poll = getattr(select, "poll", None)


@contextmanager
def checked_connection(
    engine: Engine, awaited: Awaited = float, since: float = 0.0
) -> Iterator[Connection]:
    """Take a pooled connection that PostgreSQL has not closed.

    Args:
        engine: the service's own, or a host's.
        awaited: called with the seconds that the connection was waited for.
        since: replace connections that were first used before this time of the monotonic clock.
    """
    began, pool = perf_counter(), engine.pool
    try:
        connection = _connect(engine)
    finally:  # a wait in vain is the longest of all
        awaited(perf_counter() - began)
    while not _is_usable(connection.connection, since):
        connection.invalidate()
        connection.close()
        connection = _connect(engine)  # with the events of the host's that set a connection up
    with connection:
        try:
            yield connection
        finally:
            if engine.pool is not pool:  # it was thrown away: nobody would take this from there
                connection.invalidate()


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    # PostgreSQL has closed a pooled connection, and an event of the host's was the first to use it.
    return engine.connect()


@contextmanager
def pooled_connection(
    engine: Engine, awaited: Awaited, since: float
) -> Iterator[PoolProxiedConnection]:
    """Take a connection as the driver has it, which passes by all that SQLAlchemy's adds.

    Args:
        engine: the service's own.
        awaited: called with the seconds that the connection was waited for.
        since: replace connections that were first used before this time of the monotonic clock.
    """
    began, pool = perf_counter(), engine.pool
    try:
        connection = engine.raw_connection()
    finally:
        awaited(perf_counter() - began)
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
    """Have the driver commit each statement, or none, for a while.

    The drivers keep this on the client: no round trip, as a change of the isolation level would be.

    Args:
        connection: with no transaction, where this changes anything.
        wanted: whether each statement is committed.
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
    """Run several statements as one transaction where the driver commits each: in AUTOCOMMIT.

    Args:
        connection: with any isolation level; in any other, its transaction is left as it is.
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
                driver.rollback()  # after a commit there is nothing to undo, and no round trip


def _is_usable(connection: PoolProxiedConnection, since: float) -> bool:
    seen: float = connection.info.setdefault(_SEEN, monotonic())
    return seen >= since and not _is_closed_by_server(connection)


def _is_closed_by_server(connection: PoolProxiedConnection) -> bool:
    """Return whether an idle connection has something to read, which is PostgreSQL's farewell.

    It costs one system call where a ping costs a trip, and a write that is sent only on a live
    connection need never be sent twice.
    """
    driver: Any = connection.driver_connection
    return driver.closed or _is_readable(driver.fileno())


def _is_readable(file: int) -> bool:
    if not _poll:
        return bool(select.select([file], [], [], 0)[0])
    poll = _poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))
