"""Classify the errors of the drivers by SQLSTATE, never by message."""

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from progress_api.exceptions import (
    DatabaseNotMigrated,
    DatabaseUnavailable,
    PrivilegeMissing,
    TransactionPooling,
)

# A prepared statement is missing (26000) or already exists (42P05). Neither can happen on a new
# connection, unless a pooler gives each transaction another server connection.
_WRONG_PREPARED = frozenset({"26000", "42P05"})
# On a used connection: a cached plan no longer fits the schema. On a new one, which has no plans:
# the server does not support the statement; the planner of Citus says so too.
_NOT_SUPPORTED = "0A000"
# The transaction was rolled back, and an immediate retry may succeed: an old plan, a wrong prepared
# statement, a server that was read-only when the connection was opened (25006), a serialization
# failure (40001), a deadlock (40P01).
_RETRYABLE = frozenset({_NOT_SUPPORTED, "25006", "40001", "40P01"}) | _WRONG_PREPARED
# Faults of the server by class: connection, rollback, resources, operator intervention, system.
# By code: a lock timeout (55P03), a read-only server (25006), tables that are not migrated (42...),
# and text that does not fit into a database whose encoding is not UTF-8 (22...).
_UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "57", "58"})
_UNAVAILABLE = frozenset({"55P03", "25006", _NOT_SUPPORTED, "42P01", "42703"}) | _WRONG_PREPARED
_UNAVAILABLE |= {"22001", "22021", "22P05"}
_UNAVAILABLE |= {"42501"}  # a missing GRANT
# While REINDEX CONCURRENTLY keeps two indexes of a unique key, concurrent inserts of the same row
# may fail with this error although they have ON CONFLICT.
_KEY_IS_REBUILT = frozenset({"23505"})
_RETRYABLE, _UNAVAILABLE = _RETRYABLE | _KEY_IS_REBUILT, _UNAVAILABLE | _KEY_IS_REBUILT
# Names from PEP 249; each driver has its own classes. Raised if the server sent no SQLSTATE.
_CONNECTION_ERRORS = ("OperationalError", "InterfaceError")
# The connection cannot be used again: it is lost, its server is read-only, or its cached plans and
# prepared statements are out of date.
_DISCONNECTED = frozenset({None, "57P01", "57P02", "57P03", "25006", _NOT_SUPPORTED})
_DISCONNECTED |= _WRONG_PREPARED
# Drivers raise these too: psycopg2 for a server message that is not UTF-8, psycopg 3 for a host
# name that cannot be encoded or when no file descriptor is left.
FOREIGN_ERRORS = (UnicodeError, OSError)
_REASONS: dict[str | None, type[DatabaseUnavailable]] = {
    "42P01": DatabaseNotMigrated,  # a table is missing
    "42703": DatabaseNotMigrated,  # a column is missing
    "42501": PrivilegeMissing,
    "26000": TransactionPooling,  # a prepared statement is missing, also on a new connection
    "42P05": TransactionPooling,  # ... or already exists
}

_UNRESPONSIVE_SECONDS = 0.3  # less than every timeout of the service


def errors_of(engine: Connection | Engine) -> tuple[type[Exception], ...]:
    """Return the exceptions that a failing database can cause: the driver's and SQLAlchemy's.

    Args:
        engine: an engine or a connection, with either driver.
    """
    return engine.dialect.loaded_dbapi.Error, SQLAlchemyError, *FOREIGN_ERRORS


def message_of(error: BaseException) -> str:
    """Return the first line of the message of a server or driver, whatever its encoding.

    Args:
        error: any error.
    """
    text = str(error)
    if isinstance(error, UnicodeDecodeError):
        text = error.object.decode("latin-1")  # never fails, and is right for ASCII
    return text.partition("\n")[0]


def is_unresponsive(error: BaseException, seconds: float) -> bool:
    """Return whether the server did not respond at all.

    A refused or closed connection fails immediately instead. Waiting for the pool says nothing
    about the server.

    Args:
        error: an error of the driver or SQLAlchemy.
        seconds: time until the error was raised.
    """
    responded = sqlstate(error) is not None or isinstance(error, PoolTimeout | UnicodeError)
    return seconds >= _UNRESPONSIVE_SECONDS and not responded


def is_unavailable(error: BaseException) -> bool:
    """Return whether the database is at fault, rather than the statement.

    Args:
        error: an error of the driver or SQLAlchemy.
    """
    if isinstance(error, (PoolTimeout, *FOREIGN_ERRORS)):
        return True
    state = sqlstate(error)
    if state is None:
        driver_error = getattr(error, "orig", error)
        names = {cls.__name__ for cls in type(driver_error).__mro__}
        return not names.isdisjoint(_CONNECTION_ERRORS)
    return state[:2] in _UNAVAILABLE_CLASSES or state in _UNAVAILABLE


def is_retryable(error: BaseException) -> bool:
    """Return whether a batch was rolled back and an immediate retry may succeed.

    Args:
        error: an error of the driver or SQLAlchemy.
    """
    return sqlstate(error) in _RETRYABLE


def is_not_supported(error: BaseException) -> bool:
    """Return whether the server does not support the statement, or an old plan of it.

    Args:
        error: an error of the driver or SQLAlchemy.
    """
    return sqlstate(error) == _NOT_SUPPORTED


def is_disconnect(error: BaseException) -> bool:
    """Return whether the connection must be discarded after this error.

    Args:
        error: an error of the driver or SQLAlchemy.
    """
    return sqlstate(error) in _DISCONNECTED


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error; None if the server did not send one.

    Args:
        error: an error of the driver or SQLAlchemy.
    """
    driver_error = getattr(error, "orig", error)
    state: str | None = getattr(driver_error, "sqlstate", getattr(driver_error, "pgcode", None))
    return state


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """Return the exception to raise for an unavailable database.

    Args:
        error: an error of the driver or SQLAlchemy for which `is_unavailable` is true.
    """
    return _REASONS.get(sqlstate(error), DatabaseUnavailable)()
