"""Databases with the few names of Citus that the command uses, before and after it ran."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.postgres import Postgres
from tests.conftest import new_database
from tests.migrations.database import Database, succeeded

CITUS = (Path(__file__).parent / "citus.sql").read_text()
# Where Citus itself has its names, pg_catalog, nobody can put others.
FOUND = """
    DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database())
        || ' SET search_path = public, citus_stub'; END $$"""


def on_citus(address: str) -> Database:
    """A database at head that has what the command calls of Citus."""
    found = Database(address)
    found.run(CITUS)
    found.run(FOUND)
    found.engine.dispose()
    return found


@pytest.fixture
def plain(database: str) -> Iterator[Database]:
    """A database at head, without Citus."""
    found = Database(database)
    yield found
    found.engine.dispose()


@pytest.fixture
def coordinator(database: str) -> Iterator[Database]:
    """A database at head, on a coordinator."""
    found = on_citus(database)
    yield found
    found.engine.dispose()


@pytest.fixture(scope="session")
def distributed(postgres: Postgres) -> Iterator[Database]:
    """A database whose tables are distributed; tests share it."""
    found = on_citus(new_database(postgres))
    succeeded(found.command("distribute"))
    yield found
    found.engine.dispose()
