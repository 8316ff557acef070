"""Databases before, and after, somebody ran a migration."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.postgres import Postgres
from tests.migrations.database import GUIDE, Database

LEARNERS = (Path(__file__).parent / "learners.sql").read_text()
# Emptied for each test, which is several times faster than another database.
EMPTIED = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    DROP SCHEMA public CASCADE; CREATE SCHEMA public"""


@pytest.fixture(scope="session")
def emptied(postgres: Postgres) -> str:
    """The address of a database that one test after the other has to itself."""
    postgres.create_database("emptied")
    return postgres.url("emptied").replace("postgresql:", "postgresql+psycopg2:", 1)


@pytest.fixture
def empty(emptied: str) -> Iterator[Database]:
    """A database without any table."""
    database = Database(emptied)
    database.run(EMPTIED)
    yield database
    database.engine.dispose()


@pytest.fixture
def by_hand(empty: Database) -> Database:
    """A database where somebody ran the guide's SQL, and learners used it."""
    empty.run(GUIDE)
    empty.run(LEARNERS)
    return empty


@pytest.fixture
def migrated(database: str) -> Iterator[Database]:
    """Another database, at head."""
    found = Database(database)
    yield found
    found.engine.dispose()
