"""Engines, how a unit of statements travels, and the driver's failures in our own words."""

import hashlib
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import URL, Engine, PoolProxiedConnection, create_engine, make_url
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.base import Executable

from progress_api.exceptions import DatabaseUnavailable, SettingsError
from progress_api.settings import Settings

Parameters = Mapping[str, Any]
Row = Sequence[Any]

# Undone as a whole and worth another try at once: a plan that the schema outgrew (0A000), a
# prepared statement that is gone (26000), a serialization failure (40001), a deadlock (40P01).
_UNDONE = frozenset({"0A000", "26000", "40001", "40P01"})
# The server's own faults by class: connection, resources, intervention, system; and a lock that
# was not had (55P03), a server that only reads (25006), tables that are not migrated yet (42...).
_UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "57", "58"})
_UNAVAILABLE = frozenset({"55P03", "25006", "0A000", "26000", "42P01", "42703"})
# After these the connection is of no more use: lost, to a server that only reads, out of date.
_CONNECTION_SPENT = frozenset(
    {None, "57P01", "57P02", "57P03", "25006", "0A000", "26000"}
)


class Unit:
    """Statements that are one write, or one read; the last one returns the answer."""

    def __init__(self, *statements: Any) -> None:
        """Keep the statements.

        Args:
            statements: SQLAlchemy Core statements with named parameters.
        """
        self.statements: tuple[Executable, ...] = statements

    @cached_property
    def prepared(self) -> "tuple[Prepared, ...]":
        """The statements as PostgreSQL's own PREPARE and EXECUTE."""
        return tuple(Prepared(statement) for statement in self.statements)

    @cached_property
    def execution(self) -> str:
        """The whole unit as one string of EXECUTEs."""
        return "; ".join(prepared.execute for prepared in self.prepared)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """What the statements themselves bind."""
        return {
            name: value
            for one in self.prepared
            for name, value in one.constants.items()
        }


class Prepared:
    """One statement, prepared under a name that only this text can have."""

    def __init__(self, statement: Any) -> None:
        """Compile once; asyncpg's dialect is the one that writes PostgreSQL's own `$1`."""
        compiled = statement.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
        names: list[str] = compiled.positiontup or []
        self.name = (
            f"progress_{hashlib.sha256(str(compiled).encode()).hexdigest()[:16]}"
        )
        self.prepare = f"PREPARE {self.name} AS {compiled}"
        arguments = ", ".join(f"%({name})s" for name in names)
        self.execute = (
            f"EXECUTE {self.name}({arguments})" if names else f"EXECUTE {self.name}"
        )
        self.constants = {k: v for k, v in compiled.params.items() if v is not None}


class Executor(Protocol):
    """Carries a unit to PostgreSQL, as one transaction."""

    def run(self, unit: Unit, parameters: Parameters) -> Row | None:
        """Run the unit.

        Args:
            unit: what to run.
            parameters: a value for each name in its statements.

        Returns:
            The one row of the last statement, None where it returned none.

        Raises:
            DatabaseUnavailable: nothing is known to have been written.
        """


class OneTrip:
    """One string of EXECUTEs, one round trip, one implicit transaction; needs psycopg2.

    No lock is ever held while this process thinks, and PostgreSQL plans a statement once for
    each connection.
    """

    def __init__(self, engine: Engine) -> None:
        """Use the pool of this engine.

        Args:
            engine: over psycopg2, with any isolation level.
        """
        self._engine = engine

    def run(self, unit: Unit, parameters: Parameters) -> Row | None:
        """Run the unit in one trip; see Executor."""
        return _run_twice_if_undone(
            self._engine, lambda: self._run_once(unit, parameters)
        )

    def _run_once(self, unit: Unit, parameters: Parameters) -> Row | None:
        with _pooled(self._engine) as connection, _autocommit(connection):
            with closing(connection.cursor()) as cursor:
                self._prepare(connection, cursor, unit)
                cursor.execute(unit.execution, {**unit.constants, **parameters})
                row: Row | None = cursor.fetchone() if cursor.description else None
                return row

    @staticmethod
    def _prepare(connection: PoolProxiedConnection, cursor: Any, unit: Unit) -> None:
        known = connection.info.setdefault("progress_prepared", set())
        for prepared in unit.prepared:
            if prepared.name not in known:
                cursor.execute(prepared.prepare)
                known.add(prepared.name)


class OneByOne:
    """A transaction of its own, statement by statement: for psycopg 3, or behind PgBouncer."""

    def __init__(self, engine: Engine) -> None:
        """Use the pool of this engine.

        Args:
            engine: with any driver for PostgreSQL and any isolation level.
        """
        self._engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writing = engine.execution_options(isolation_level="READ COMMITTED")

    def run(self, unit: Unit, parameters: Parameters) -> Row | None:
        """Run the unit in a transaction; see Executor."""
        return _run_twice_if_undone(
            self._engine, lambda: self._run_once(unit, parameters)
        )

    def _run_once(self, unit: Unit, parameters: Parameters) -> Row | None:
        # A single statement is a transaction already.
        engine = self._reading if len(unit.statements) == 1 else self._writing
        with engine.connect() as connection:
            while _hung_up(connection.connection):
                connection.invalidate()
            with connection.begin():
                for statement in unit.statements:
                    result = connection.execute(statement, parameters)
                return result.one_or_none() if result.returns_rows else None


def executor(engine: Engine, *, one_trip: bool) -> Executor:
    """Choose how units travel.

    Args:
        engine: where they go.
        one_trip: whether prepared statements are wanted, where the driver can send them.
    """
    able = engine.dialect.driver == "psycopg2"
    return OneTrip(engine) if one_trip and able else OneByOne(engine)


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what `create_engine` is given for a database of our own.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    timeout = settings.database_timeout
    session = {"timezone": "UTC", "statement_timeout": timeout, "lock_timeout": timeout}
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
        raise SettingsError(
            "DATABASE_URL must be the address of a PostgreSQL database."
        ) from error


def _run_twice_if_undone(
    engine: Engine, run_once: Callable[[], Row | None]
) -> Row | None:
    errors = (engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
    try:
        try:
            return run_once()
        except errors as error:
            if sqlstate(error) not in _UNDONE:
                raise
        return run_once()
    except errors as error:
        if is_out_of_reach(error):
            raise DatabaseUnavailable from error
        raise


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's or SQLAlchemy's error; None where the server said nothing."""
    driver_error = getattr(error, "orig", error)
    state: str | None = getattr(
        driver_error, "sqlstate", getattr(driver_error, "pgcode", None)
    )
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
def _autocommit(connection: PoolProxiedConnection) -> Iterator[None]:
    # psycopg2 keeps this on the client: no trip, and what the engine had is put back.
    driver: Any = connection.driver_connection
    before = driver.autocommit
    if not before:
        driver.autocommit = True
    try:
        yield
    finally:
        if not before and not driver.closed:
            driver.autocommit = False


def _hung_up(connection: PoolProxiedConnection) -> bool:
    """Whether the server has left: an idle connection with something to read holds its farewell.

    It costs one system call where a ping costs a trip, and a write that is sent only on a live
    connection need never be sent twice.
    """
    driver: Any = connection.driver_connection
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))
