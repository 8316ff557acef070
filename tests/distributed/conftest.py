"""Databases with the few names of Citus that the command uses, before and after it ran."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.postgres import Postgres
from tests.conftest import new_database, with_scheme
from tests.migrations.database import Database, succeeded

CITUS = (Path(__file__).parent / "citus.sql").read_text()
# Where Citus itself has its names, pg_catalog, nobody can put others.
FOUND = """
    DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database())
        || ' SET search_path = public, citus_stub'; END $$"""


ROWS = "SELECT to_jsonb(found)::text FROM {} found"
TABLES = ("tutorial_progress", "chapter_progress", "quiz_scores", "quiz_attempt_keys")
# As a version before migration 4 records a chapter: the trigger fills `user_id`.
OLD_CHAPTER = """
    INSERT INTO tutorial_progress (id, tutorial_id, user_id, last_watched_at)
    VALUES ('00000000-0000-4000-9000-000000000001', 'new', 'ada', utc_now - interval '{0}');
    INSERT INTO chapter_progress (progress_id, chapter_id, created_at, updated_at)
    VALUES ('00000000-0000-4000-9000-000000000001', 'one',
            utc_now - interval '{0}', utc_now - interval '{0}')"""
OLD_CHAPTER = OLD_CHAPTER.replace("utc_now", "timezone('UTC', now())")


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
    """A database whose tables are distributed; tests share it. CITUS_URL names one on Citus."""
    address = os.environ.get("CITUS_URL")
    found = Database(with_scheme(address)) if address else on_citus(new_database(postgres))
    succeeded(found.command("distribute"))
    yield found
    found.engine.dispose()


def everything(database: Database) -> object:
    """All of the schema, and all rows."""
    rows = {table: database.ask(ROWS.format(table)) for table in TABLES}
    return database.catalog(), rows
