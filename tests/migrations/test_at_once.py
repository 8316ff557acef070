"""Machines that migrate at once, and migrations among requests that hold the tables."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from progress_api.schema.migrate import head, upgrade
from tests.client import InProcess, Learner
from tests.conftest import MakeApp
from tests.migrations.database import WAITING, Database, Rows, a_writer_of_quizzes, until
from tests.migrations.machines import MACHINES, Machines

LOCK_TIMEOUT = 3
MARGIN = 10
A_CHAPTER = "UPDATE chapter_progress SET watch_time = watch_time + 1"
ANOTHER_WRITE = "UPDATE quiz_scores SET attempts = attempts + 1 WHERE quiz_id = 'quiz-2'"


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Four machines, started once."""
    started = Machines()
    yield started
    started.stop()


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
    # (The service of this version needs the newest schema: an older one sends statements as these.)
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(at_0001) as writer:
        migration = threads.submit(upgrade, at_0001.engine)
        first = until(lambda: at_0001.ask(WAITING), migration)
        # when
        read = threads.submit(_seconds, lambda: at_0001.ask("TABLE quiz_scores"))
        post = threads.submit(_seconds, lambda: at_0001.run(A_CHAPTER))
        write = threads.submit(_seconds, lambda: at_0001.run(ANOTHER_WRITE))
        # then
        assert read.result() < LOCK_TIMEOUT
        assert post.result() < LOCK_TIMEOUT
        assert write.result() < LOCK_TIMEOUT + MARGIN
        # ... and the same process asks for its table again.
        again = until(lambda: _others(at_0001.ask(WAITING), first), migration)
        assert [pid for pid, _ in again] == [pid for pid, _ in first]
        assert at_0001.version() == "progress_0001"
        # when
        writer.rollback()
        # then
        assert migration.result(timeout=LOCK_TIMEOUT + MARGIN) == head()
    bob = Learner(InProcess(make_app(database_url=at_0001.url)), "bob")
    assert bob.answer_quiz("quiz-1").status == 200


def test_an_adoption_that_waits_for_a_lock_tries_again_and_succeeds(by_hand: Database) -> None:
    # given
    rows = by_hand.rows()
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(by_hand) as writer:
        migration = threads.submit(upgrade, by_hand.engine)
        first = until(lambda: by_hand.ask(WAITING), migration)
        until(lambda: _others(by_hand.ask(WAITING), first), migration)
        # when
        writer.rollback()
        # then
        assert migration.result(timeout=LOCK_TIMEOUT + MARGIN) == head()
    assert by_hand.rows() == rows


def _others(found: Rows, first: Rows) -> Rows:
    return [one for one in found if one not in first]


def _seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started
