"""Turn the tables into tables that Citus distributes by learner (spec 17).

All of it is one transaction: it moves all rows or none.
"""

import time
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from progress_api.database import message_of, sqlstate, translated_schema
from progress_api.exceptions import MigrationFailed
from progress_api.schema import keys
from progress_api.schema.distribution import requirements
from progress_api.schema.distribution.sql import LOCK, statements
from progress_api.schema.locks import exclusive, retry_while_locked
from progress_api.settings import Settings

MAX_LOCK = 5.0
# Measured on Citus 13.2.2 with two workers: 400,000 chapters and what is above them in 6.6 s.
_ROWS_PER_SECOND = 400_000 / 6.6
_QUERY_CANCELED = "57014"
_FAILED = "Nothing was changed"
# A connection that is lost during the commit does not say how it ended.
_UNKNOWN = "Run the command again, which tells whether the tables are distributed"


class Plan(NamedTuple):
    """How many rows would move, and for about how many seconds the tables would be locked."""

    rows: int
    seconds: float

    def __str__(self) -> str:
        """Return the plan as a sentence without its end."""
        lock = f"will be locked for about {self.seconds:,.1f} s"
        return f"The tables have {self.rows:,} rows and {lock}"


def plan(
    engine: Engine,
    max_lock: float = MAX_LOCK,
    schema: str | None = None,
    timeout: float = Settings.migrate_timeout,
) -> Plan | None:
    """Return what distributing the tables would take; change nothing (spec 17.3).

    Args:
        engine: of a Citus coordinator.
        max_lock: seconds for which the tables may be locked.
        schema: the schema of the tables; None for the connection's search path.
        timeout: seconds to wait for a running migration.

    Returns:
        The plan; None if the tables are distributed already.

    Raises:
        MigrationFailed: Citus is not there, the tables would be locked for longer, an earlier
            version still writes, or a row has no learner.
        SchemaDiffers: the keys of the tables differ, or only some are distributed.
        DatabaseUnavailable: the database is not migrated, or a migration still ran at the timeout.
    """
    schema, deadline = translated_schema(engine, schema), time.monotonic() + timeout
    with exclusive(engine, schema, deadline, _FAILED) as connection:
        requirements.require_citus(connection)
        requirements.require_newest_schema(connection)
        if requirements.is_distributed(connection):
            return None
        requirements.require_newest_writers(connection)
        plan = _plan(connection, max_lock)
        requirements.require_learners(connection)
        return plan


def distribute(
    engine: Engine,
    max_lock: float = MAX_LOCK,
    schema: str | None = None,
    timeout: float = Settings.migrate_timeout,
) -> float:
    """Distribute the tables, after `plan`: all of them or none (spec 17.2).

    Args:
        engine: of a Citus coordinator.
        max_lock: seconds after which all is rolled back.
        schema: the schema of the tables; None for the connection's search path.
        timeout: seconds to wait for the locks of the tables.

    Returns:
        For how many seconds the tables were locked.

    Raises:
        MigrationFailed: a statement failed, or took too long; or the commit failed, and the message
            says that it may have succeeded.
        DatabaseUnavailable: the tables were in use until the timeout.
    """

    def change(connection: Connection) -> float:
        if requirements.is_distributed(connection):  # by another process, meanwhile
            return 0.0
        return _change(connection, max_lock)

    schema, deadline = translated_schema(engine, schema), time.monotonic() + timeout
    with exclusive(engine, schema, deadline, _UNKNOWN) as connection:
        return retry_while_locked(connection, change, deadline)


def _change(connection: Connection, max_lock: float) -> float:
    with connection.begin():
        connection.exec_driver_sql(LOCK)
        began = time.monotonic()
        for statement in statements():
            _execute(connection, statement, began + max_lock)
    return time.monotonic() - began


def _execute(connection: Connection, statement: str, deadline: float) -> None:
    """Execute a statement, which the server cancels at the deadline."""
    remaining = max(round((deadline - time.monotonic()) * 1000), 1)
    timeout = func.set_config("statement_timeout", f"{remaining}ms", True)
    connection.execute(select(timeout))
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        reason = message_of(error.orig or error)
        if sqlstate(error) == _QUERY_CANCELED:
            reason = (
                "it took longer than --max-lock allows; give more time, or end what else keeps the "
                "machines busy."
            )
        raise MigrationFailed(f"{_FAILED}: {reason}") from error


def _plan(connection: Connection, max_lock: float) -> Plan:
    counts = (
        select(func.count()).select_from(table).scalar_subquery()
        for table in (*keys.BY_LEARNER, *keys.OF_ALL)
    )
    rows = sum(connection.execute(select(*counts)).one())
    move = Plan(rows, rows / _ROWS_PER_SECOND)
    if move.seconds > max_lock:
        raise MigrationFailed(
            f"{move}, but --max-lock allows {max_lock:g} s: allow more, at a time when learners "
            "can wait."
        )
    return move
