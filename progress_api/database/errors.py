"""The driver's failures, told apart by SQLSTATE and never by text."""

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# A prepared statement is gone (26000), or there already (42P05). On a new connection neither can
# be, unless a pooler lends each transaction another connection of its own.
_MIXED_UP = frozenset({"26000", "42P05"})
# Undone as a whole and worth another try at once: a plan that the schema outgrew (0A000),
# prepared statements that are mixed up, a server that only read when the connection was made
# (25006), a serialization failure (40001), a deadlock (40P01).
_UNDONE = frozenset({"0A000", "25006", "40001", "40P01"}) | _MIXED_UP
# The server's own faults by class: connection, resources, intervention, system; and a lock that
# was not had (55P03), a server that only reads (25006), tables that are not migrated yet (42...);
# and a database that is not in UTF-8, which holds no more than some characters (22...).
_UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "57", "58"})
_UNAVAILABLE = frozenset({"55P03", "25006", "0A000", "42P01", "42703"}) | _MIXED_UP
_UNAVAILABLE |= {"22001", "22021", "22P05"}
_UNAVAILABLE |= {"42501"}  # a grant is missing
# While REINDEX CONCURRENTLY has two indexes of a unique key, writers that insert the same row at
# once may get this in place of their ON CONFLICT.
_KEY_IS_REBUILT = frozenset({"23505"})
_UNDONE, _UNAVAILABLE = _UNDONE | _KEY_IS_REBUILT, _UNAVAILABLE | _KEY_IS_REBUILT
# PEP 249 names them, each driver has its own; below one of them where the server said nothing.
_CONNECTION_ERRORS = ("OperationalError", "InterfaceError")
# After these the connection is of no more use: lost, to a server that only reads, out of date.
_CONNECTION_SPENT = frozenset({None, "57P01", "57P02", "57P03", "25006", "0A000"}) | _MIXED_UP
# Drivers raise these too: psycopg2 for a refusal that is not in UTF-8, psycopg 3 for a host name
# that cannot be encoded, or where no file is left for its socket.
FOREIGN_ERRORS = (UnicodeError, OSError)

_SILENT_SECONDS = 0.3  # less than any deadline of ours, and than the time to connect


def errors_of(engine: Connection | Engine) -> tuple[type[Exception], ...]:
    """Return the errors that a failing database causes: the driver's, and SQLAlchemy's.

    Args:
        engine: with either driver; or a connection to it.
    """
    return engine.dialect.loaded_dbapi.Error, SQLAlchemyError, *FOREIGN_ERRORS


def message_of(error: BaseException) -> str:
    """Return the first line of what a server or a driver said, in whatever encoding it is.

    Args:
        error: any error.
    """
    text = str(error)
    if isinstance(error, UnicodeDecodeError):
        text = error.object.decode("latin-1")  # a guess, in which ASCII is right and nothing fails
    return text.partition("\n")[0]


def is_silence(error: BaseException, seconds: float) -> bool:
    """Whether the server said nothing at all; who is refused, or hung up on, is told so at once.

    Args:
        error: the driver's or SQLAlchemy's; a wait for the pool is not the server's.
        seconds: how long it took to fail.
    """
    answered = sqlstate(error) is not None or isinstance(error, PoolTimeout | UnicodeError)
    return seconds >= _SILENT_SECONDS and not answered


def is_unavailable(error: BaseException) -> bool:
    """Whether the database, rather than a statement of ours, is at fault.

    Args:
        error: the driver's or SQLAlchemy's.
    """
    if isinstance(error, (PoolTimeout, *FOREIGN_ERRORS)):
        return True
    state = sqlstate(error)
    if state is None:
        driver_error = getattr(error, "orig", error)
        kinds = {kind.__name__ for kind in type(driver_error).__mro__}
        return not kinds.isdisjoint(_CONNECTION_ERRORS)
    return state[:2] in _UNAVAILABLE_CLASSES or state in _UNAVAILABLE


def is_retryable(error: BaseException) -> bool:
    """Whether nothing of a unit was written, and another try may succeed at once.

    Args:
        error: the driver's or SQLAlchemy's.
    """
    return sqlstate(error) in _UNDONE


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection that it happened on is of no more use.

    Args:
        error: the driver's or SQLAlchemy's.
    """
    return sqlstate(error) in _CONNECTION_SPENT


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's or SQLAlchemy's error; None where the server said nothing."""
    driver_error = getattr(error, "orig", error)
    state: str | None = getattr(driver_error, "sqlstate", getattr(driver_error, "pgcode", None))
    return state
