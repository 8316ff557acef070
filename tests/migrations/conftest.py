"""Databases before, and after, somebody ran a migration."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.postgres import Postgres
from progress_api.schema.migrate import downgrade, upgrade
from tests.conftest import new_database
from tests.migrations.database import GUIDE, Database

LEARNERS = (Path(__file__).parent / "learners.sql").read_text()
# Emptied for each test, which is several times faster than another database.
EMPTIED = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    DROP SCHEMA public CASCADE; CREATE SCHEMA public"""


@pytest.fixture(scope="session")
def emptied(postgres: Postgres) -> Iterator[Database]:
    """A database that one test after the other has to itself."""
    found = Database(new_database(postgres, None))
    yield found
    found.engine.dispose()


@pytest.fixture
def empty(emptied: Database) -> Database:
    """A database without any table."""
    emptied.run(EMPTIED)
    return emptied


@pytest.fixture
def by_hand(empty: Database) -> Database:
    """A database where somebody ran the guide's SQL, and learners used it."""
    empty.run(GUIDE)
    empty.run(LEARNERS)
    return empty


@pytest.fixture
def at_0001(by_hand: Database) -> Database:
    """A database with rows in it that migration 2 has not seen."""
    upgrade(by_hand.engine)
    downgrade(by_hand.engine, "progress_0001")
    return by_hand


@pytest.fixture(scope="session")
def at_head(shared_database: str) -> Iterator[Database]:
    """A database at head that nobody changes."""
    found = Database(shared_database)
    yield found
    found.engine.dispose()


@pytest.fixture
def migrated(database: str) -> Iterator[Database]:
    """Another database at head, to change."""
    found = Database(database)
    yield found
    found.engine.dispose()
