"""A unit of statements, and how PostgreSQL prepares and executes it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.dialects.postgresql import asyncpg

Parameters = Mapping[str, Any]
Row = Sequence[Any]


class StatementBatch:
    """Statements that are one write, or one read; the last one returns the answer."""

    def __init__(self, *statements: Any) -> None:
        """Keep the statements.

        Args:
            statements: SQLAlchemy Core statements with named parameters, and no others.
        """
        self.statements = statements
        self._prepared: dict[str | None, PreparedBatch] = {}

    def prepared(self, schema: str | None) -> "PreparedBatch":
        """Return the unit as PostgreSQL's own PREPARE and EXECUTE, compiled once.

        Args:
            schema: where the tables are; None for where the connection looks by itself.
        """
        if schema not in self._prepared:
            self._prepared[schema] = PreparedBatch.of(self.statements, schema)
        return self._prepared[schema]


class PreparedBatch(NamedTuple):
    """Statements by the names they are prepared under, and how they are executed in one string."""

    statements: dict[str, str]
    execution: str

    @classmethod
    def of(cls, statements: Iterable[Any], schema: str | None) -> "PreparedBatch":
        """Compile; asyncpg's dialect is the one that writes PostgreSQL's own `$1`."""
        prepared, executions = {}, []
        dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
        for statement in statements:
            compiled = statement.compile(dialect=dialect, **_in_schema(schema))
            # A name that only this text can have: a connection may serve two versions.
            name = f"progress_{hashlib.sha256(str(compiled).encode()).hexdigest()[:16]}"
            prepared[name] = f"PREPARE {name} AS {compiled}"
            arguments = ", ".join(f"%({name})s" for name in compiled.positiontup or ())
            executions.append(f"EXECUTE {name}({arguments})")
        return cls(prepared, "; ".join(executions))


def _in_schema(schema: str | None) -> dict[str, Any]:
    if schema is None:
        return {}
    return {"schema_translate_map": {None: schema}, "render_schema_translate": True}
