"""How a unit travels to PostgreSQL."""

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from progress_api.database.batch import Parameters, Row, StatementBatch
from progress_api.database.circuit_breaker import asking
from progress_api.database.connections import (
    Awaited,
    autocommit,
    checked_connection,
    pooled_connection,
)
from progress_api.database.engines import is_own
from progress_api.database.errors import errors_of, is_disconnect, is_retryable
from progress_api.database.preparing import preparing


class Executor(Protocol):
    """Runs units of statements."""

    def run(self, unit: StatementBatch, parameters: Parameters) -> Row | None:
        """Run a unit, all of it or nothing.

        Args:
            unit: the statements.
            parameters: a value for each name in them.

        Returns:
            The one row of the last statement, None where there is none.

        Raises:
            DatabaseUnavailable: the database cannot do so now.
        """

    def after_commit(self, act: Callable[[], object]) -> None:
        """Do something once what has been run is committed, and never if it is undone."""


class EngineExecutor:
    """Runs each unit as a transaction of its own, which is committed when it returns."""

    def __init__(
        self,
        engine: Engine,
        *,
        one_trip: bool = True,
        schema: str | None = None,
        awaited: Awaited = float,
    ) -> None:
        """Choose how units travel.

        Args:
            engine: where they go, with any isolation level.
            one_trip: whether statements may be prepared on the server; psycopg2 then sends a
                unit in one trip on an engine of the service's own.
            schema: where the tables are; None for where a connection looks by itself.
            awaited: is told how many seconds each unit waited for a connection.
        """
        self._awaited = awaited
        self._engine = engine
        self._prepares = one_trip
        self._schema = schema
        self._is_own = is_own(engine)
        able = self._is_own and engine.dialect.driver == "psycopg2"
        self._travel = self._in_one_trip if one_trip and able else self._one_by_one
        self._errors = errors_of(engine)
        self._usable_since = 0.0

    def run(self, unit: StatementBatch, parameters: Parameters) -> Row | None:
        """Run a unit; once more where it was undone and may succeed at once."""
        with asking(self._engine):
            try:
                return self._travel(unit, parameters)
            except self._errors as error:
                if not is_retryable(error):
                    raise
                if is_disconnect(error):
                    # So are all connections that were first used before now. The pool is kept: a
                    # thread that waits at a pool which is thrown away waits in vain.
                    self._usable_since = monotonic()
            return self._travel(unit, parameters)

    def after_commit(self, act: Callable[[], object]) -> None:
        """Do it now: what has been run is committed."""
        act()

    def _in_one_trip(self, unit: StatementBatch, parameters: Parameters) -> Row | None:
        """One string of EXECUTEs is one round trip and one implicit transaction, on psycopg2.

        No lock is ever held while this process thinks, and PostgreSQL plans a statement once for
        each connection.
        """
        prepared = unit.prepared(self._schema)
        with (
            pooled_connection(self._engine, self._awaited, self._usable_since) as connection,
            autocommit(connection, wanted=True),
            closing(connection.cursor()) as cursor,
        ):
            known = connection.info.setdefault("progress_prepared", set())
            for name in prepared.statements.keys() - known:
                cursor.execute(prepared.statements[name])
                known.add(name)
            cursor.execute(prepared.execution, parameters)
            row: Row | None = cursor.fetchone() if cursor.description else None
            return row

    def _one_by_one(self, unit: StatementBatch, parameters: Parameters) -> Row | None:
        """Run statement by statement in a transaction, which the events of a host's engine see."""
        # A single statement is a transaction already, where no event may have begun one.
        alone = self._is_own and len(unit.statements) == 1
        with (
            checked_connection(self._engine, self._awaited, self._usable_since) as connection,
            autocommit(connection.connection, wanted=alone),
            preparing(connection.connection, allowed=self._prepares),
            connection.begin(),
        ):
            return execute(connection, unit, parameters, self._schema)


def execute(
    connection: Connection, unit: StatementBatch, parameters: Parameters, schema: str | None
) -> Row | None:
    """Run a unit in the connection's transaction, and leave that as it is.

    Args:
        connection: with any isolation level.
        unit: the statements.
        parameters: a value for each name in them.
        schema: where the tables are; None for where the connection looks by itself.

    Returns:
        The one row of the last statement, None where there is none.
    """
    options: dict[str, Any] = {}
    if schema:  # without one a map of the host's holds as it is
        options["schema_translate_map"] = {None: translated_schema(connection, schema)}
    for statement in unit.statements:
        result = connection.execute(statement, parameters, execution_options=options)
    return result.one_or_none() if result.returns_rows else None


def translated_schema(bind: Connection | Engine, schema: str | None) -> str | None:
    """Return where the tables are, after the `schema_translate_map` of a host's engine, if any.

    Args:
        bind: the engine, or a connection that may have a map of its own.
        schema: as it was given; None for where a connection looks by itself.
    """
    translated = bind.get_execution_options().get("schema_translate_map") or {}
    found: str | None = translated.get(schema, schema)
    return found
