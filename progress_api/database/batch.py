"""Group the statements of one transaction, and compile each to PREPARE and EXECUTE."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.dialects.postgresql import asyncpg

Parameters = Mapping[str, Any]
Row = Sequence[Any]


class Statement:
    """A statement that is compiled once per schema."""

    def __init__(self, sql: Any) -> None:
        """Store the statement.

        Args:
            sql: a SQLAlchemy Core statement. Every parameter must be named.
        """
        self.sql = sql
        self._prepared: dict[str | None, PreparedStatement] = {}

    def prepared(self, schema: str | None) -> "PreparedStatement":
        """Return the statement as PREPARE and EXECUTE.

        Args:
            schema: the schema of the tables; None for the connection's search path.
        """
        if schema not in self._prepared:
            self._prepared[schema] = PreparedStatement.of(self.sql, schema)
        return self._prepared[schema]


class PreparedStatement(NamedTuple):
    """A statement as PREPARE, as EXECUTE, and the names of its parameters in their order."""

    name: str
    preparation: str
    execution: str
    parameters: Sequence[str]

    @classmethod
    def of(cls, sql: Any, schema: str | None) -> "PreparedStatement":
        """Compile a statement with asyncpg's dialect, which writes placeholders as `$1`."""
        dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
        compiled = sql.compile(dialect=dialect, **_in_schema(schema))
        # Hash the text: behind a pooler, one connection may serve two versions of the service.
        name = f"progress_{hashlib.sha256(str(compiled).encode()).hexdigest()[:16]}"
        names = tuple(compiled.positiontup or ())
        arguments = ", ".join("%s" for _ in names)
        return cls(name, f"PREPARE {name} AS {compiled}", f"EXECUTE {name}({arguments})", names)


class Step(NamedTuple):
    """One statement of a batch, and the values of its named parameters; it may have more."""

    statement: Statement
    parameters: Parameters


Batch = Sequence[Step]


class Statements:
    """The statements of one write or one read, which share their parameters."""

    def __init__(self, *statements: Statement) -> None:
        """Store the statements. The last one returns the result."""
        self.statements = statements

    def batch(self, parameters: Parameters) -> Batch:
        """Return the statements with the values of their named parameters."""
        return [Step(statement, parameters) for statement in self.statements]


def _in_schema(schema: str | None) -> dict[str, Any]:
    if schema is None:
        return {}
    return {"schema_translate_map": {None: schema}, "render_schema_translate": True}
