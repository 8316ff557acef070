"""A connection for changes of the schema, which one process at a time has.

Behind a pooler in transaction mode, such as PgBouncer, each transaction may run on another server
connection, and whatever is set for a session stays there for that connection's next client. So the
settings and the lock last for one transaction, and the lock's transaction stays open meanwhile.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, func, select

from progress_api.database.timeouts import MAY_TAKE_LONG
from progress_api.exceptions import DatabaseUnavailable

_ADVISORY_LOCK = 0x70726F6772657373
_TABLE_LOCK_SECONDS = 3
_POLL_SECONDS = 0.1
_HAS_TRANSACTION_TIMEOUT = (17,)  # the first version of PostgreSQL with this setting
_log = logging.getLogger("progress_api.migrate")


@contextmanager
def exclusive_connection(
    engine: Engine, schema: str | None, deadline: float
) -> Iterator[Connection]:
    """Open a connection to change the schema, while no other process has one.

    Its transactions wait for a table for 3 s at most, so that nobody queues behind them for longer.

    Args:
        engine: any; nothing that is set here reaches its pool.
        schema: the only one that names are looked up in; None for the connection's own search path.
        deadline: when to stop waiting for another process, on the clock of `time.monotonic`.

    Raises:
        DatabaseUnavailable: another process still has such a connection at the deadline.
    """
    with _connection(engine, None) as guard:
        guard.detach()  # a pool of one connection has room for the other
        _lock(guard, deadline)
        with _connection(engine, schema) as connection:
            connection.info[MAY_TAKE_LONG] = True
            if _is_direct(connection):
                # Statements outside a transaction, such as CREATE INDEX CONCURRENTLY, block nobody.
                patience = {"lock_timeout": f"{max(deadline - time.monotonic(), 1):.0f}s"}
                _set(connection, _settings(engine, schema) | patience, is_local=False)
                connection.commit()
            try:
                yield connection
            finally:
                connection.invalidate()  # closed, and not used again by the pool


@contextmanager
def _connection(engine: Engine, schema: str | None) -> Iterator[Connection]:
    # Alembic reads the catalog by names that a host's schema_translate_map does not translate.
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED", "schema_translate_map": None}
    with engine.connect().execution_options(**options) as connection:
        if engine.driver == "psycopg":
            # A pooler would run another client's statement that is prepared under the same name.
            _driver_connection(connection).prepare_threshold = None
        settings = _settings(engine, schema)
        event.listen(connection, "begin", lambda begun: _set(begun, settings, is_local=True))
        yield connection


def _settings(engine: Engine, schema: str | None) -> dict[str, str]:
    settings = {
        "lock_timeout": f"{_TABLE_LOCK_SECONDS}s",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    }
    if (engine.dialect.server_version_info or ()) >= _HAS_TRANSACTION_TIMEOUT:
        settings["transaction_timeout"] = "0"
    if schema:
        settings["search_path"] = schema
    return settings


def _set(connection: Connection, settings: Mapping[str, str], *, is_local: bool) -> None:
    calls = (func.set_config(name, value, is_local) for name, value in settings.items())
    connection.execute(select(*calls))


def _lock(guard: Connection, deadline: float) -> None:
    # Polled: a waiting statement holds a snapshot, and the process that has the lock may be
    # building an index concurrently, which waits for that snapshot to end.
    is_waiting = False
    while not guard.scalar(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))):
        guard.rollback()
        if time.monotonic() >= deadline:
            raise DatabaseUnavailable(
                "Another migration of this database is still running; MIGRATE_TIMEOUT says for how "
                "many seconds to wait for it."
            )
        if not is_waiting:
            _log.warning("waiting for another migration of this database to end")
        is_waiting = True
        time.sleep(_POLL_SECONDS)
    # The portal that psycopg 3 leaves open holds a snapshot, for which an index that is built
    # concurrently would wait: the next statement closes it, and a savepoint needs no snapshot.
    guard.begin_nested()


def _is_direct(connection: Connection) -> bool:
    """Whether no pooler is in between: a pooler announces a process id of its own making."""
    announced = _driver_connection(connection).info.backend_pid
    return bool(connection.scalar(select(func.pg_backend_pid())) == announced)


def _driver_connection(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
