"""Migrating through a PgBouncer in transaction mode: one at a time, and nothing is left behind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import psycopg2
import pytest
from sqlalchemy import NullPool, create_engine

from embedded.postgres import Postgres
from progress_api.schema.migrate import downgrade, head, upgrade
from tests.conftest import with_scheme
from tests.migrations.database import WAITING, Database, a_writer_of_quizzes, refusal, until
from tests.migrations.machines import MACHINES, Machines
from tests.pooler.pgbouncer import PgBouncer

DATABASE, ROLE = "migrated_through_a_pooler", "app"
DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
SERVER_CONNECTIONS = 6  # each of four machines waits on one, and one of them migrates on another
EMPTIED = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS learning CASCADE"
# Those that PgBouncer sets, as the client asked for them, are its own to keep right.
LEFT = """
    SELECT name, setting FROM pg_settings WHERE source = 'session' AND name NOT IN
      ('application_name', 'client_encoding', 'DateStyle', 'IntervalStyle',
       'standard_conforming_strings', 'TimeZone')"""
LOCKS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
PREPARED = "SELECT name FROM pg_prepared_statements"


@pytest.fixture(scope="module")
def direct(postgres: Postgres) -> Iterator[Database]:
    """The database, in PostgreSQL itself."""
    postgres.create_database(DATABASE)
    database = Database(with_scheme(postgres.url(DATABASE)))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def pooler(
    postgres: Postgres, direct: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PgBouncer]:
    """A pooler in front of it."""
    assert direct.url
    directory = tmp_path_factory.mktemp("pgbouncer")
    with PgBouncer(directory, postgres, DATABASE, ROLE, SERVER_CONNECTIONS) as pooler:
        yield pooler


@pytest.fixture
def empty(direct: Database) -> Database:
    """The database without any table."""
    direct.run(EMPTIED)
    return direct


@pytest.fixture
def at_0001(empty: Database) -> Database:
    """The database, which lacks migrations from 2 on."""
    upgrade(empty.engine)
    downgrade(empty.engine, "progress_0001")
    return empty


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_migration_leaves_nothing_behind_on_any_connection_of_the_pooler(
    driver: str, pooler: PgBouncer
) -> None:
    # given
    engine = create_engine(with_scheme(pooler.url, driver), poolclass=NullPool)
    before = left_behind(pooler)
    # when
    for schema in ("learning", None):
        assert upgrade(engine, schema) == head()
    # then
    assert left_behind(pooler) == before == [[]] * SERVER_CONNECTIONS


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_second_migration_through_the_pooler_waits_and_ends_after_its_timeout(
    driver: str, pooler: PgBouncer, at_0001: Database
) -> None:
    through = Database(with_scheme(pooler.url, driver))
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(at_0001) as writer:
        # given
        first = threads.submit(upgrade, through.engine)
        until(lambda: at_0001.ask(WAITING), first)
        # when
        sentence = refusal(through.command("migrate", MIGRATE_TIMEOUT="1"))
        # then
        assert sentence.startswith("Another migration of this database is still running")
        # ... and the first one goes on.
        writer.rollback()
        assert first.result(timeout=60) == head()
    through.engine.dispose()


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("driver", DRIVERS)
def test_machines_that_migrate_at_once_through_the_pooler_all_succeed(
    driver: str, pooler: PgBouncer, machines: Machines
) -> None:
    # when
    said = machines.migrate(with_scheme(pooler.url, driver))
    # then
    assert said == [f"The database is at {head()}."] * MACHINES


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Four machines, started once."""
    started = Machines()
    yield started
    started.stop()


def left_behind(pooler: PgBouncer) -> list[list[Any]]:
    """What each of the pooler's connections to PostgreSQL holds of its clients before."""
    with ExitStack() as clients:
        found = []
        # All at once, each in a transaction, so that each has another connection.
        for _ in range(SERVER_CONNECTIONS):
            client = clients.enter_context(closing(psycopg2.connect(pooler.url)))
            cursor = clients.enter_context(client.cursor())
            rows: list[Any] = []
            for query in (LEFT, LOCKS, PREPARED):
                cursor.execute(query)
                rows += cursor.fetchall()
            found.append(rows)
        return found
