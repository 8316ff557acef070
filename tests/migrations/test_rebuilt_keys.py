"""Writers while a unique key is built again, as migration 3 does: none sees an unexpected error."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy import NullPool, create_engine

from progress_api import Chapter, DatabaseUnavailable, ProgressRepository
from progress_api.schema.migrate import downgrade, head, upgrade
from tests.migrations.database import Database, a_writer_of_quizzes, refusal, succeeded, until

WRITERS = 16
REBUILDS = 10
REBUILD = "REINDEX INDEX CONCURRENTLY tutorial_progress_tutorial_id_user_id_key"
KEYS = """
    SELECT conindid, conname FROM pg_constraint
    WHERE contype = 'u' AND connamespace = 'public'::regnamespace
      AND conrelid::regclass::text <> 'tutorial_certificates'"""
NEWEST_OTHER = """
    SELECT max(indexrelid::int) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE starts_with(relname, 'idx_')"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
# What the version of that schema sends for a learner: writes by the keys, and a reset.
BOB = """
    INSERT INTO tutorial_progress (tutorial_id, user_id) VALUES ('intro', 'bob')
    ON CONFLICT (tutorial_id, user_id) DO UPDATE SET updated_at = now();
    INSERT INTO chapter_progress (progress_id, chapter_id)
    SELECT id, 'chapter-1' FROM tutorial_progress WHERE user_id = 'bob'
    ON CONFLICT (progress_id, chapter_id) DO UPDATE SET watch_time = 1;
    INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score)
    SELECT id, 'quiz-2', 1, 1 FROM tutorial_progress WHERE user_id = 'bob'
    ON CONFLICT (progress_id, quiz_id) DO UPDATE SET score = 1;
    DELETE FROM tutorial_progress WHERE user_id = 'bob'"""
REBUILDING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query ~ '^REINDEX INDEX CONCURRENTLY'"""
CHAPTER = Chapter(chapter_id="chapter", watch_time=1)


@pytest.fixture
def at_0002(by_hand: Database) -> Database:
    """A database with rows in it that migration 3 has not seen."""
    upgrade(by_hand.engine)
    downgrade(by_hand.engine, "progress_0002")
    return by_hand


class Writers:
    """All of them begin the same new tutorial at once, again and again."""

    def __init__(self, database: Database) -> None:
        self._engine = create_engine(database.url, pool_size=WRITERS)
        self._progress = ProgressRepository(self._engine)
        self._tutorials = count()
        self._tutorial = "none"
        self.are_done = False

    def write(self, number: int) -> int:
        """Write until all are done; return how many writes succeeded."""
        succeeded = 0
        while not self.are_done:
            if number == 0:
                self._tutorial = f"tutorial-{next(self._tutorials)}"
            try:
                self._progress.record_chapter("ada", self._tutorial, CHAPTER)
                succeeded += 1
            except DatabaseUnavailable:
                pass  # it may be sent again
        return succeeded

    def stop(self) -> None:
        """Close their connections."""
        self._engine.dispose()


def test_writers_of_one_new_row_meet_no_unexpected_error_while_its_key_is_rebuilt(
    migrated: Database,
) -> None:
    writers = Writers(migrated)
    rebuilding = create_engine(migrated.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with ThreadPoolExecutor(WRITERS) as threads:
        # when
        writing = [threads.submit(writers.write, number) for number in range(WRITERS)]
        with rebuilding.connect() as connection:
            for _ in range(REBUILDS):
                connection.exec_driver_sql(REBUILD)
        writers.are_done = True
        # then
        assert all(one.result(timeout=60) > 0 for one in writing)
    writers.stop()


def test_migration_3_makes_the_unique_keys_the_newest_indexes(by_hand: Database) -> None:
    # given
    names = set(keys(by_hand))
    # when
    upgrade(by_hand.engine)
    # then
    assert set(keys(by_hand)) == names
    assert len(names) == 3
    ((newest_other,),) = by_hand.ask(NEWEST_OTHER)
    assert min(keys(by_hand).values()) > newest_other


def test_nobody_waits_while_migration_3_waits_for_a_transaction(at_0002: Database) -> None:
    with ThreadPoolExecutor() as threads, a_writer_of_quizzes(at_0002) as writer:
        # given
        migration = threads.submit(upgrade, at_0002.engine)
        until(lambda: at_0002.ask(REBUILDING), migration)
        # when, then
        at_0002.run(BOB)
        # ... and the migration goes on when the transaction has ended.
        assert not migration.done()
        writer.rollback()
        assert migration.result(timeout=60) == head()


def test_what_an_interrupted_rebuild_left_is_removed_by_the_next_one(at_0002: Database) -> None:
    # given
    with a_writer_of_quizzes(at_0002):
        refusal(at_0002.command("migrate", MIGRATE_TIMEOUT="1"))
    assert at_0002.ask(INVALID) == [("quiz_scores_progress_id_quiz_id_key_ccnew",)]
    assert at_0002.version() == "progress_0002"
    # when
    succeeded(at_0002.command("migrate"))
    # then
    assert at_0002.ask(INVALID) == []


def keys(database: Database) -> dict[str, int]:
    """The unique keys, each with the number of its index: a newer one has a higher number."""
    return {name: int(number) for number, name in database.ask(KEYS)}
