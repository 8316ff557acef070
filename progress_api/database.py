"""Engines, how a unit of statements travels, and the driver's failures in our own words."""

import hashlib
import select
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property, partial
from typing import Any, NamedTuple

from sqlalchemy import URL, Engine, PoolProxiedConnection, create_engine, make_url
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from progress_api.exceptions import DatabaseUnavailable, SettingsError
from progress_api.settings import Settings

Parameters = Mapping[str, Any]
Row = Sequence[Any]
Travel = Callable[[Engine, "Unit", Parameters], Row | None]

# Undone as a whole and worth another try at once: a plan that the schema outgrew (0A000), a
# prepared statement that is gone (26000), a server that only read when the connection was made
# (25006), a serialization failure (40001), a deadlock (40P01).
_UNDONE = frozenset({"0A000", "26000", "25006", "40001", "40P01"})
# The server's own faults by class: connection, resources, intervention, system; and a lock that
# was not had (55P03), a server that only reads (25006), tables that are not migrated yet (42...).
_UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "57", "58"})
_UNAVAILABLE = frozenset({"55P03", "25006", "0A000", "26000", "42P01", "42703"})
# After these the connection is of no more use: lost, to a server that only reads, out of date.
_CONNECTION_SPENT = frozenset({None, "57P01", "57P02", "57P03", "25006", "0A000", "26000"})


class Unit:
    """Statements that are one write, or one read; the last one returns the answer."""

    def __init__(self, *statements: Any) -> None:
        """Keep the statements.

        Args:
            statements: SQLAlchemy Core statements with named parameters.
        """
        self.statements = statements

    @cached_property
    def prepared(self) -> "Prepared":
        """The unit as PostgreSQL's own PREPARE and EXECUTE, compiled once."""
        return Prepared.of(self.statements)


class Prepared(NamedTuple):
    """Statements by the names they are prepared under, and how they are executed in one string."""

    statements: dict[str, str]
    execution: str
    constants: dict[str, Any]

    @classmethod
    def of(cls, statements: Iterable[Any]) -> "Prepared":
        """Compile; asyncpg's dialect is the one that writes PostgreSQL's own `$1`."""
        prepared, executions, constants = {}, [], {}
        for statement in statements:
            compiled = statement.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
            # A name that only this text can have: a connection may serve two versions.
            name = f"progress_{hashlib.sha256(str(compiled).encode()).hexdigest()[:16]}"
            prepared[name] = f"PREPARE {name} AS {compiled}"
            arguments = ", ".join(f"%({one})s" for one in compiled.positiontup or ())
            executions.append(f"EXECUTE {name}({arguments})")
            constants.update({k: v for k, v in compiled.params.items() if v is not None})
        return cls(prepared, "; ".join(executions), constants)


# Runs a unit with a value for each name in its statements, as one transaction that is done on
# return; returns the one row of the last statement, None where there is none.
Executor = Callable[[Unit, Parameters], Row | None]


def executor(engine: Engine, *, one_trip: bool) -> Executor:
    """Choose how units travel.

    Args:
        engine: where they go, with any isolation level.
        one_trip: whether prepared statements are wanted, where the driver can send them.

    Returns:
        What runs a unit; it raises DatabaseUnavailable when the database cannot do so now.
    """
    able = engine.dialect.driver == "psycopg2"
    return partial(_run, _in_one_trip if one_trip and able else _one_by_one, engine)


def _run(travel: Travel, engine: Engine, unit: Unit, parameters: Parameters) -> Row | None:
    errors = (engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
    try:
        try:
            return travel(engine, unit, parameters)
        except errors as error:
            if sqlstate(error) not in _UNDONE:
                raise
            if sqlstate(error) in _CONNECTION_SPENT:
                engine.dispose()  # what is wrong with one connection is wrong with all
        return travel(engine, unit, parameters)
    except errors as error:
        if is_out_of_reach(error):
            raise DatabaseUnavailable from error
        raise


def _in_one_trip(engine: Engine, unit: Unit, parameters: Parameters) -> Row | None:
    """One string of EXECUTEs is one round trip and one implicit transaction, on psycopg2.

    No lock is ever held while this process thinks, and PostgreSQL plans a statement once for
    each connection.
    """
    prepared = unit.prepared
    with (
        _pooled(engine) as connection,
        _autocommit(connection, wanted=True),
        closing(connection.cursor()) as cursor,
    ):
        known = connection.info.setdefault("progress_prepared", set())
        for name in prepared.statements.keys() - known:
            cursor.execute(prepared.statements[name])
            known.add(name)
        cursor.execute(prepared.execution, {**prepared.constants, **parameters})
        row: Row | None = cursor.fetchone() if cursor.description else None
        return row


def _one_by_one(engine: Engine, unit: Unit, parameters: Parameters) -> Row | None:
    """Statement by statement in a transaction: on psycopg 3, or behind PgBouncer."""
    alone = len(unit.statements) == 1  # a single statement is a transaction already
    with engine.connect() as connection:
        while _hung_up(connection.connection):
            connection.invalidate()
        with _autocommit(connection.connection, wanted=alone), connection.begin():
            for statement in unit.statements:
                result = connection.execute(statement, parameters)
            return result.one_or_none() if result.returns_rows else None


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what `create_engine` is given for a database of our own.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    timeout = settings.database_timeout
    session: dict[str, object] = {"timezone": "UTC", "client_encoding": "UTF8"}
    session |= {"statement_timeout": timeout, "lock_timeout": timeout}
    told = " ".join(f"-c {name}={value}" for name, value in session.items())
    theirs = _parsed(settings.database_url).query.get("options", "")
    return {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": settings.web_threads,
        "max_overflow": 0,
        "pool_timeout": timeout / 1000,
        "pool_recycle": 1800,
        # A failed statement's values may be a learner's; they stay out of messages and logs.
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": 2,
            "application_name": "progress-api",
            "options": f"{told} {theirs}".strip(),
        },
    }


def open_engine(settings: Settings) -> Engine:
    """Return an engine of our own; it connects at its first use.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    return create_engine(settings.database_url, **engine_options(settings))


def is_out_of_reach(error: BaseException) -> bool:
    """Whether the database, rather than a statement of ours, is at fault.

    Args:
        error: the driver's or SQLAlchemy's.
    """
    if isinstance(error, PoolTimeout):
        return True
    state = sqlstate(error)
    if state is None:
        driver_error = getattr(error, "orig", error)
        return type(driver_error).__name__ in {"OperationalError", "InterfaceError"}
    return state[:2] in _UNAVAILABLE_CLASSES or state in _UNAVAILABLE


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise SettingsError("DATABASE_URL must be the address of a PostgreSQL database.") from error


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's or SQLAlchemy's error; None where the server said nothing."""
    driver_error = getattr(error, "orig", error)
    state: str | None = getattr(driver_error, "sqlstate", getattr(driver_error, "pgcode", None))
    return state


@contextmanager
def _pooled(engine: Engine) -> Iterator[PoolProxiedConnection]:
    connection = engine.raw_connection()
    while _hung_up(connection):
        connection.invalidate()
        connection = engine.raw_connection()
    try:
        yield connection
    except engine.dialect.loaded_dbapi.Error as error:
        if sqlstate(error) in _CONNECTION_SPENT:
            connection.invalidate(error)
        raise
    finally:
        connection.close()


@contextmanager
def _autocommit(connection: PoolProxiedConnection, *, wanted: bool) -> Iterator[None]:
    # The drivers keep this on the client: no trip, as a change of the isolation level would be.
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


def _hung_up(connection: PoolProxiedConnection) -> bool:
    """Whether the server has left: an idle connection with something to read holds its farewell.

    It costs one system call where a ping costs a trip, and a write that is sent only on a live
    connection need never be sent twice.
    """
    driver: Any = connection.driver_connection
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))
