"""docs/statements.sql is what the service sends."""

import re
from pathlib import Path

from sqlalchemy import Engine, text

from progress_api.api import API
from progress_api.web.endpoint import Endpoint
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

    distinct = {one for batch, _ in BATCHES.values() for one in batch.statements}
    assert len(statements) == len(distinct)


def test_each_endpoint_that_sends_statements_has_a_section() -> None:
    sections = {title.partition(",")[0] for title in BATCHES}

    endpoints = {f"{one.method} {_path(one)}" for one in API.endpoints}

    assert sections == endpoints - {"GET /certificates/jwks", "GET /openapi.json"}


def _path(endpoint: Endpoint) -> str:
    """Return the path as documents have it."""
    names = endpoint.path_names
    path = re.sub(r"<(?:[^>]*:)?(\w+)>", lambda found: f"<{names[found[1]]}>", endpoint.rule)
    return path or "<prefix>"
