"""Change the schema in one process at a time, and try again while tables are in use."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from progress_api.database import errors_of, exclusive_connection, message_of, sqlstate
from progress_api.exceptions import DatabaseUnavailable, MigrationFailed, SchemaDiffers

_IN_USE = {"55P03", "40P01"}  # a lock is not available, or a deadlock was found
_log = logging.getLogger("progress_api.migrate")
Result = TypeVar("Result")


@contextmanager
def exclusive(
    engine: Engine,
    schema: str | None,
    deadline: float,
    failure: str = "The database was not migrated",
) -> Iterator[Connection]:
    """Open a connection for schema changes; its errors are sentences (spec 8.4).

    Args:
        engine: the engine of the database.
        schema: the schema of the tables; None for the connection's search path.
        deadline: when to stop waiting for another process, in seconds of `time.monotonic`.
        failure: how the sentence about a failed statement begins.

    Raises:
        SchemaDiffers: Alembic found something else than expected.
        MigrationFailed: a statement failed, or the database cannot be reached.
        DatabaseUnavailable: another process still has the lock at the deadline.
    """
    try:
        with exclusive_connection(engine, schema, deadline) as connection:
            yield connection
    except CommandError as error:
        raise SchemaDiffers(str(error)) from error
    except errors_of(engine) as error:
        reason = message_of(getattr(error, "orig", error))
        raise MigrationFailed(f"{failure}: {reason}") from error


def retry_while_locked(
    connection: Connection, change: Callable[[Connection], Result], deadline: float
) -> Result:
    """Change the schema; while the tables are locked, try again until the deadline.

    Args:
        connection: outside a transaction.
        change: what to do, in a transaction of its own.
        deadline: when to give up, in seconds of `time.monotonic`.

    Raises:
        DatabaseUnavailable: the tables were in use until the deadline.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return change(connection)
        except DBAPIError as error:
            connection.rollback()
            if sqlstate(error) not in _IN_USE:
                raise
            if time.monotonic() >= deadline:
                raise DatabaseUnavailable(
                    "The tables were in use for all of MIGRATE_TIMEOUT; end the transactions that "
                    "hold them, or try when they are idle."
                ) from error
            _log.warning("waiting: the tables are in use (attempt %d)", attempt)
        time.sleep(min(attempt / 4, 2))
