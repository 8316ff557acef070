"""Run batches of statements on PostgreSQL."""

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from progress_api.database.batch import Batch, Row
from progress_api.database.circuit_breaker import guard
from progress_api.database.connections import (
    autocommit,
    checked_connection,
    pooled_connection,
)
from progress_api.database.engines import is_own
from progress_api.database.errors import (
    errors_of,
    is_disconnect,
    is_not_supported,
    is_retryable,
)
from progress_api.database.preparing import preparing
from progress_api.exceptions import StatementRefused
from progress_api.signals import Signals


class Executor(Protocol):
    """Runs batches of statements."""

    def run(self, batch: Batch) -> Row | None:
        """Run a batch as one transaction (spec 2.1).

        Args:
            batch: the statements and their parameters.

        Returns:
            The row of the last statement, or None if it returns no row.

        Raises:
            DatabaseUnavailable: the database failed or does not respond.
            StatementRefused: the database does not support a statement.
        """

    def after_commit(self, action: Callable[[], object]) -> None:
        """Call `action` after the transaction commits, and never if it is rolled back."""


class EngineExecutor:
    """Runs each batch in a separate transaction, which is committed when `run` returns."""

    def __init__(
        self,
        engine: Engine,
        *,
        one_trip: bool = True,
        schema: str | None = None,
        signals: Signals | None = None,
    ) -> None:
        """Choose how to send batches.

        Args:
            engine: the engine to use, with any isolation level.
            one_trip: whether statements may be prepared on the server; psycopg2 then sends a
                batch in one round trip on the service's engine.
            schema: the schema of the tables; None for the connection's search path.
            signals: where each wait for a connection is sent.
        """
        self._signals = signals
        self._engine = engine
        self._prepares = one_trip
        self._schema = schema
        self._is_own = is_own(engine)
        can_join = self._is_own and engine.dialect.driver == "psycopg2"
        self._send = self._in_one_trip if one_trip and can_join else self._one_by_one
        self._errors = errors_of(engine)
        self._usable_since = 0.0

    def run(self, batch: Batch) -> Row | None:
        """Run a batch; retry once if it was rolled back and may succeed immediately."""
        with guard(self._engine):
            try:
                return self._send(batch)
            except self._errors as error:
                if not is_retryable(error):
                    raise
                if is_disconnect(error):
                    # Replace all connections first used before now. Keep the pool: a thread that
                    # waits for a connection of a disposed pool would never get one.
                    self._usable_since = monotonic()
            return self._send_again(batch)

    def _send_again(self, batch: Batch) -> Row | None:
        """Send a batch over a new connection, on which no plan is out of date."""
        try:
            return self._send(batch)
        except self._errors as error:
            if is_not_supported(error):
                raise StatementRefused from error
            raise

    def after_commit(self, action: Callable[[], object]) -> None:
        """Call `action` now: every batch that has run is committed."""
        action()

    def _in_one_trip(self, batch: Batch) -> Row | None:
        """Send all EXECUTE statements in one string: one round trip, one implicit transaction.

        No lock is held while Python runs, and PostgreSQL parses each statement once per
        connection.
        """
        prepared = [step.statement.prepared(self._schema) for step in batch]
        execution = "; ".join([statement.execution for statement in prepared])
        values = [
            step.parameters[name]
            for step, statement in zip(batch, prepared, strict=True)
            for name in statement.parameters
        ]
        with (
            pooled_connection(self._engine, self._signals, self._usable_since) as connection,
            autocommit(connection, wanted=True),
            closing(connection.cursor()) as cursor,
        ):
            names = connection.info.setdefault("progress_prepared", set())
            for statement in prepared:
                if statement.name not in names:
                    cursor.execute(statement.preparation)
                    names.add(statement.name)
            cursor.execute(execution, values)
            row: Row | None = cursor.fetchone() if cursor.description else None
            return row

    def _one_by_one(self, batch: Batch) -> Row | None:
        """Run the statements one by one in a transaction, which triggers a host's engine events."""
        # A single statement is its own transaction, unless an event of a host has begun one.
        is_single = self._is_own and len(batch) == 1
        with (
            checked_connection(self._engine, self._signals, self._usable_since) as connection,
            autocommit(connection.connection, wanted=is_single and not connection.in_transaction()),
            preparing(connection.connection, allowed=self._prepares),
            connection.get_transaction() or connection.begin(),
        ):
            return execute(connection, batch, self._schema)


def execute(connection: Connection, batch: Batch, schema: str | None) -> Row | None:
    """Run a batch in the connection's transaction, without ending it.

    Args:
        connection: with any isolation level.
        batch: the statements and their parameters.
        schema: the schema of the tables; None for the connection's search path.

    Returns:
        The row of the last statement, or None if it returns no row.
    """
    options: dict[str, Any] = {}
    if schema:  # otherwise leave the host's schema_translate_map in effect
        options["schema_translate_map"] = {None: translated_schema(connection, schema)}
    for statement, parameters in batch:
        result = connection.execute(statement.sql, parameters, execution_options=options)
    return result.one_or_none() if result.returns_rows else None


def translated_schema(bind: Connection | Engine, schema: str | None) -> str | None:
    """Apply the `schema_translate_map` of a host's engine, if any, to a schema name.

    Args:
        bind: the engine, or a connection, which may have its own map.
        schema: the configured schema; None for the connection's search path.
    """
    translations = bind.get_execution_options().get("schema_translate_map") or {}
    translated: str | None = translations.get(schema, schema)
    return translated
