"""docs/statements.sql is what the service sends."""

from pathlib import Path

from sqlalchemy import Engine, text

from tests.docs.statements import BATCHES, document


def test_the_published_statements_are_those_of_the_code(root: Path) -> None:
    published = (root / "docs" / "statements.sql").read_text()

    assert published == document(), "run python -m tests.docs.statements > docs/statements.sql"


def test_postgresql_prepares_each_published_statement(root: Path, engine: Engine) -> None:
    published = (root / "docs" / "statements.sql").read_text().split(";\n")
    statements = [statement for statement in published if statement.strip()]

    with engine.connect() as connection:
        for number, statement in enumerate(statements):
            body = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
            connection.execute(text(f"PREPARE s{number} AS {body.replace(':', chr(92) + ':')}"))

    assert len(statements) == sum(len(batch.statements) for batch, _ in BATCHES.values())
