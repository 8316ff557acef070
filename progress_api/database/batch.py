"""Group the statements of one transaction, and compile them to PREPARE and EXECUTE."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.dialects.postgresql import asyncpg

Parameters = Mapping[str, Any]
Row = Sequence[Any]


class StatementBatch:
    """The statements of one write or one read. The last one returns the result."""

    def __init__(self, *statements: Any) -> None:
        """Store the statements.

        Args:
            statements: SQLAlchemy Core statements. Every parameter must be named.
        """
        self.statements = statements
        self._prepared: dict[str | None, PreparedBatch] = {}

    def prepared(self, schema: str | None) -> "PreparedBatch":
        """Return the batch as PREPARE and EXECUTE statements, compiled once per schema.

        Args:
            schema: the schema of the tables; None for the connection's search path.
        """
        if schema not in self._prepared:
            self._prepared[schema] = PreparedBatch.of(self.statements, schema)
        return self._prepared[schema]


class PreparedBatch(NamedTuple):
    """PREPARE statements by name, and the EXECUTE statements joined into one string."""

    statements: dict[str, str]
    execution: str

    @classmethod
    def of(cls, statements: Iterable[Any], schema: str | None) -> "PreparedBatch":
        """Compile statements with asyncpg's dialect, which writes placeholders as `$1`."""
        prepared, executions = {}, []
        dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
        for statement in statements:
            compiled = statement.compile(dialect=dialect, **_in_schema(schema))
            # Hash the text: behind a pooler, one connection may serve two versions of the service.
            name = f"progress_{hashlib.sha256(str(compiled).encode()).hexdigest()[:16]}"
            prepared[name] = f"PREPARE {name} AS {compiled}"
            arguments = ", ".join(f"%({name})s" for name in compiled.positiontup or ())
            executions.append(f"EXECUTE {name}({arguments})")
        return cls(prepared, "; ".join(executions))


def _in_schema(schema: str | None) -> dict[str, Any]:
    if schema is None:
        return {}
    return {"schema_translate_map": {None: schema}, "render_schema_translate": True}
