"""One migration at a time; it says that it waits, ends, and leaves nothing behind."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import NullPool, Pool, QueuePool, StaticPool, create_engine, text

from progress_api import Settings
from progress_api.schema.migrate import head, upgrade
from tests.migrations.database import (
    PROCESS,
    WAITING,
    Database,
    a_writer_of_quizzes,
    refusal,
    until,
)

POOLS: list[tuple[type[Pool], dict[str, Any]]] = [
    (QueuePool, {"pool_size": 1, "max_overflow": 0, "pool_timeout": 5}),
    (NullPool, {}),
    (StaticPool, {}),
]
SESSION = "SELECT name, setting FROM pg_settings ORDER BY name"
ADVISORY_LOCKS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
LONG_WAITING = f"{WAITING} AND clock_timestamp() - query_start > interval '0.5 s'"
# As many managed databases are set, for each role; the last one begins with PostgreSQL 17.
IMPATIENT = """
    SELECT string_agg('-c ' || name || '=200', ' ') FROM pg_settings WHERE name IN (
        'idle_in_transaction_session_timeout',
        'lock_timeout',
        'statement_timeout',
        'transaction_timeout'
    )
"""


@pytest.mark.parametrize(("pool", "options"), POOLS, ids=lambda of: getattr(of, "__name__", ""))
def test_a_migration_leaves_nothing_behind_for_its_host(
    pool: type[Pool], options: dict[str, Any], empty_database: str
) -> None:
    # given
    engine = create_engine(empty_database, poolclass=pool, **options)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE courses (id int)"))
        before = connection.execute(text(SESSION)).all()
    # when
    upgrade(engine, "learning")
    # then
    with engine.connect() as connection:
        assert connection.execute(text(SESSION)).all() == before
        assert connection.execute(text("SELECT count(*) FROM courses")).scalar_one() == 0
        assert connection.execute(text(ADVISORY_LOCKS)).all() == []
    engine.dispose()


def test_a_second_migration_says_that_it_waits_and_ends_after_its_timeout(
    at_0001: Database,
) -> None:
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(at_0001) as writer:
        # given
        first = threads.submit(upgrade, at_0001.engine)
        until(lambda: at_0001.ask(WAITING), first)
        # when
        second = subprocess.run(
            [*PROCESS, "migrate"],
            env=at_0001.environment() | {"MIGRATE_TIMEOUT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        # then
        waiting, error = second.stderr.splitlines()
        assert waiting == "waiting for another migration of this database to end"
        assert error.startswith("Error: Another migration of this database is still running")
        assert "MIGRATE_TIMEOUT" in error
        assert (second.returncode, second.stdout) == (1, "")
        # ... and the first one goes on.
        writer.rollback()
        assert first.result(timeout=60) == head()


def test_a_migration_of_tables_that_stay_in_use_ends_after_its_timeout(at_0001: Database) -> None:
    # when
    with a_writer_of_quizzes(at_0001):
        sentence = refusal(at_0001.command("migrate", MIGRATE_TIMEOUT="1"))
    # then
    assert sentence.startswith("The tables were in use for all of MIGRATE_TIMEOUT")
    assert at_0001.version() == "progress_0001"


def test_a_guest_has_the_timeout_as_a_setting_of_its_own() -> None:
    assert Settings.of_guest({"PROGRESS_MIGRATE_TIMEOUT": 7}, {}, lacks=()).migrate_timeout == 7
    assert Settings.of_guest({"MIGRATE_TIMEOUT": 7}, {}, lacks=()).migrate_timeout == 300


def test_a_migration_that_waits_is_not_ended_by_the_timeouts_of_its_role(
    at_0001: Database,
) -> None:
    # given
    ((options,),) = at_0001.ask(IMPATIENT)
    engine = create_engine(at_0001.url, connect_args={"options": options})
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(at_0001) as writer:
        # when
        migration = threads.submit(upgrade, engine)
        until(lambda: at_0001.ask(LONG_WAITING), migration)
        writer.rollback()
        # then
        assert migration.result(timeout=60) == head()
    engine.dispose()
