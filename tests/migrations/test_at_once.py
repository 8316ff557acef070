"""Machines that migrate at once, and migrations among requests that hold the tables."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from progress_api.schema.migrate import downgrade, head, upgrade
from tests.client import InProcess, Learner
from tests.conftest import MakeApp
from tests.migrations.database import Database, Rows
from tests.migrations.machines import MACHINES, Machines

LOCK_TIMEOUT = 3
MARGIN = 10
ANOTHER_WRITE = "UPDATE quiz_scores SET attempts = attempts + 1 WHERE quiz_id = 'quiz-2'"
WAITING = """
    SELECT pid, query_start FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query ~* 'CREATE TABLE quiz_attempt_keys'"""


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Four machines, started once."""
    started = Machines()
    yield started
    started.stop()


@pytest.fixture
def at_0001(by_hand: Database) -> Database:
    """A database with rows in it that migration 2 has not seen."""
    upgrade(by_hand.engine)
    downgrade(by_hand.engine, "progress_0001")
    return by_hand


@contextmanager
def a_writer_of_quizzes(database: Database) -> Iterator[Connection]:
    """A transaction that wrote to a quiz, and stays open."""
    with database.engine.connect() as connection:
        connection.execute(text("UPDATE quiz_scores SET score = score WHERE quiz_id = 'quiz-1'"))
        yield connection


def test_four_machines_that_migrate_an_empty_database_at_once_all_succeed(
    empty: Database, at_head: Database, machines: Machines
) -> None:
    # when
    said = machines.migrate(empty.url)
    # then
    assert said == [f"The database is at {head()}."] * MACHINES
    assert empty.catalog() == at_head.catalog()


def test_four_machines_that_migrate_a_hand_made_database_at_once_all_succeed(
    by_hand: Database, at_head: Database, machines: Machines
) -> None:
    # given
    rows = by_hand.rows()
    # when
    said = machines.migrate(by_hand.url)
    # then
    assert said == [f"The database is at {head()}."] * MACHINES
    assert by_hand.rows() == rows
    assert by_hand.catalog() == at_head.catalog()


def test_a_migration_that_waits_for_a_lock_lets_others_through_and_tries_again(
    at_0001: Database, make_app: MakeApp
) -> None:
    # given
    app = make_app(database_url=at_0001.url, database_timeout=10000)
    ada, bob = Learner(InProcess(app), "ada"), Learner(InProcess(app), "bob")
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(at_0001) as writer:
        migration = threads.submit(upgrade, at_0001.engine)
        first = _until(lambda: at_0001.ask(WAITING), migration)
        # when
        read = threads.submit(_seconds, ada.progress)
        post = threads.submit(_seconds, bob.watch)
        write = threads.submit(_seconds, lambda: at_0001.run(ANOTHER_WRITE))
        # then
        assert read.result() < LOCK_TIMEOUT
        assert post.result() < LOCK_TIMEOUT
        assert write.result() < LOCK_TIMEOUT + MARGIN
        # ... and the same process asks for its table again.
        again = _until(lambda: _others(at_0001.ask(WAITING), first), migration)
        assert [pid for pid, _ in again] == [pid for pid, _ in first]
        assert at_0001.version() == "progress_0001"
        # when
        writer.rollback()
        # then
        assert migration.result(timeout=LOCK_TIMEOUT + MARGIN) == head()
    assert bob.answer_quiz("quiz-1").status == 200


def test_an_adoption_that_waits_for_a_lock_tries_again_and_succeeds(by_hand: Database) -> None:
    # given
    rows = by_hand.rows()
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(by_hand) as writer:
        migration = threads.submit(upgrade, by_hand.engine)
        first = _until(lambda: by_hand.ask(WAITING), migration)
        _until(lambda: _others(by_hand.ask(WAITING), first), migration)
        # when
        writer.rollback()
        # then
        assert migration.result(timeout=LOCK_TIMEOUT + MARGIN) == head()
    assert by_hand.rows() == rows


def test_migrating_leaves_no_lock_and_no_setting_behind(at_head: Database) -> None:
    # given
    with create_engine(at_head.url, pool_size=1).connect() as connection:
        engine = connection.engine
    before = _session(engine)
    # when
    upgrade(engine)
    # then
    assert _session(engine) == before
    assert at_head.ask("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []
    engine.dispose()


def _others(found: Rows, first: Rows) -> Rows:
    return [one for one in found if one not in first]


def _session(engine: Engine) -> tuple[object, ...]:
    settings = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
    with engine.connect() as connection:
        return tuple(connection.execute(text(settings)).one())


def _seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


def _until(look: Callable[[], Rows], migration: Future[str]) -> Rows:
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline
        assert not migration.done()
        time.sleep(0.02)
    return found
