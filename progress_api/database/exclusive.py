"""Open a connection for schema changes, in one process at a time.

Behind a pooler in transaction mode, such as PgBouncer, each transaction may run on another server
connection, and session settings would leak to that connection's next client. Therefore settings
and the lock are local to a transaction, and a second connection holds the lock in a transaction
that stays open throughout.
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
    """Open a connection for schema changes while no other process has one (spec 8.4).

    Its transactions wait at most 3 s for a table lock, because other queries queue behind them.

    Args:
        engine: any engine; the settings made here do not reach its pool.
        schema: the only schema in the search path; None for the connection's search path.
        deadline: when to stop waiting for another process, in seconds of `time.monotonic`.

    Raises:
        DatabaseUnavailable: another process still holds the lock at the deadline.
    """
    with _connection(engine, None) as lock_holder:
        lock_holder.detach()  # the pool may be limited to one connection
        _lock(lock_holder, deadline)
        with _connection(engine, schema) as connection:
            connection.info[MAY_TAKE_LONG] = True
            if _is_direct(connection):
                # CREATE INDEX CONCURRENTLY and the like block no queries, so they may wait longer.
                patience = {"lock_timeout": f"{max(deadline - time.monotonic(), 1):.0f}s"}
                _set(connection, _settings(engine, schema) | patience, is_local=False)
                connection.commit()
            try:
                yield connection
            finally:
                connection.invalidate()  # close it: the pool must not reuse its settings


@contextmanager
def _connection(engine: Engine, schema: str | None) -> Iterator[Connection]:
    # A host's schema_translate_map must not apply to the catalog queries of Alembic.
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED", "schema_translate_map": None}
    with engine.connect() as connection:
        connection.commit()  # what a host's engine_connect event has set
        connection.execution_options(**options)
        if engine.driver == "psycopg":
            # Behind a pooler, the same name may be another client's prepared statement.
            _driver_connection(connection).prepare_threshold = None
        settings = _settings(engine, schema)
        event.listen(connection, "begin", lambda conn: _set(conn, settings, is_local=True))
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


def _lock(connection: Connection, deadline: float) -> None:
    # Poll, because a waiting statement holds a snapshot: if the process with the lock builds an
    # index concurrently, it would wait for that snapshot.
    is_waiting = False
    while not connection.scalar(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))):
        connection.rollback()
        if time.monotonic() >= deadline:
            raise DatabaseUnavailable(
                "Another migration of this database is still running; MIGRATE_TIMEOUT says for how "
                "many seconds to wait for it."
            )
        if not is_waiting:
            _log.warning("waiting for another migration of this database to end")
        is_waiting = True
        time.sleep(_POLL_SECONDS)
    # psycopg 3 leaves a portal open, whose snapshot would block concurrent index builds. The next
    # statement closes it, and a savepoint takes no snapshot.
    connection.begin_nested()


def _is_direct(connection: Connection) -> bool:
    """Return whether no pooler is in between; a pooler announces a made-up process id."""
    announced = _driver_connection(connection).info.backend_pid
    return bool(connection.scalar(select(func.pg_backend_pid())) == announced)


def _driver_connection(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
