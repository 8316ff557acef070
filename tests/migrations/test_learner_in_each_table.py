"""Migration 4 repeats the learner in each table, while older versions write and afterwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from progress_api.schema.migrate import downgrade, head, upgrade
from tests.client import InProcess, Learner
from tests.conftest import MakeApp
from tests.migrations.database import Database, refusal, succeeded, until
from tests.rules.conftest import chapter_of

# Ids in the order of their numbers, as the batches are; the last batch is not full.
FILL = """
    INSERT INTO tutorial_progress (id, tutorial_id, user_id)
    SELECT uuid_of(n), 'many', 'user-' || n FROM generate_series(1, 250) n;
    INSERT INTO chapter_progress (progress_id, chapter_id)
    SELECT uuid_of(n), 'chapter-' || m FROM generate_series(1, 250) n, generate_series(1, 2) m;
    INSERT INTO quiz_scores (id, progress_id, quiz_id, score, max_score)
    SELECT uuid_of(n), uuid_of(n), 'quiz', 1, 1 FROM generate_series(1, 250) n;
    INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key)
    SELECT uuid_of(n), uuid_of(n) FROM generate_series(1, 250) n;
"""
UUID_OF = "('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid"
# As the versions before write; the number is that of a row of `FILL`.
OLD_WRITER = """
    INSERT INTO chapter_progress (progress_id, chapter_id) VALUES ({0}, 'old');
    INSERT INTO quiz_scores (id, progress_id, quiz_id, score, max_score)
    VALUES (gen_random_uuid(), {0}, 'old', 1, 1);
    INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key)
    SELECT id, gen_random_uuid() FROM quiz_scores WHERE quiz_id = 'old' AND progress_id = {0}
    ON CONFLICT DO NOTHING;
    UPDATE chapter_progress SET watch_time = 5, updated_at = now() WHERE progress_id = {0}"""
NEW_KEY = (
    "INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key) VALUES ({0}, gen_random_uuid())"
)
NEW_LEARNER = "INSERT INTO tutorial_progress (id, tutorial_id, user_id) VALUES ({0}, 'many', 'new')"
# Rows whose learner is not that of the row that they are below.
WRONG = """
    SELECT 'chapter', c.id::text FROM chapter_progress c
    JOIN tutorial_progress p ON p.id = c.progress_id WHERE c.user_id IS DISTINCT FROM p.user_id
    UNION ALL SELECT 'quiz', q.id::text FROM quiz_scores q
    JOIN tutorial_progress p ON p.id = q.progress_id WHERE q.user_id IS DISTINCT FROM p.user_id
    UNION ALL SELECT 'key', k.attempt_key::text FROM quiz_attempt_keys k
    JOIN quiz_scores q ON q.id = k.quiz_score_id WHERE k.user_id IS DISTINCT FROM q.user_id"""
LOCK = "SELECT FROM tutorial_progress WHERE id = {0} FOR UPDATE"
FILLING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ 'filled_'"""
FILLED = "SELECT count(*) FROM chapter_progress WHERE chapter_id = 'chapter-1' AND user_id <> ''"
COLUMNS = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name IN ('recorded_at', 'completed_recorded_at')
       OR table_schema = 'public' AND column_name = 'user_id' AND table_name ~ 'chapter|quiz'"""


def uuid_of(number: int) -> str:
    """The id of a row, as an expression of SQL."""
    return UUID_OF.replace("n::text", f"'{number}'")


@pytest.fixture
def at_0003(by_hand: Database) -> Database:
    """A database of the version before, with more learners than a batch has."""
    upgrade(by_hand.engine)
    downgrade(by_hand.engine, "progress_0003")
    by_hand.run(FILL.replace("uuid_of(n)", UUID_OF))
    return by_hand


def test_every_row_gets_its_learner(at_0003: Database) -> None:
    upgrade(at_0003.engine)

    assert at_0003.ask(WRONG) == []
    assert at_0003.ask(FILLED) == [(251,)]


def test_an_adopted_table_gets_its_learners(by_hand: Database) -> None:
    upgrade(by_hand.engine)

    assert by_hand.ask(WRONG) == []


def test_rows_of_the_version_before_are_filled_afterwards(at_0003: Database) -> None:
    upgrade(at_0003.engine)

    at_0003.run(OLD_WRITER.format(uuid_of(1)))

    assert at_0003.ask(WRONG) == []
    ((found,),) = at_0003.ask("SELECT user_id FROM chapter_progress WHERE chapter_id = 'old'")
    assert found == "user-1"


def test_the_version_before_writes_while_rows_are_filled(at_0003: Database) -> None:
    with ThreadPoolExecutor(1) as threads, at_0003.engine.connect() as holder:
        # given a migration that waits for a row of the second batch
        holder.execute(text(LOCK.format(uuid_of(150))))
        migration = threads.submit(upgrade, at_0003.engine)
        until(lambda: at_0003.ask(FILLING), migration)
        # when rows of the first batch, of the last one and of nobody yet are written
        at_0003.run(NEW_LEARNER.format(uuid_of(999)))
        for number in (1, 250, 999):
            at_0003.run(OLD_WRITER.format(uuid_of(number)))
        assert not migration.done()
        holder.rollback()
        # then
        assert migration.result(timeout=60) == head()
    assert at_0003.ask(WRONG) == []


def test_a_key_that_is_added_to_an_old_quiz_under_the_lock_gets_its_learner(
    at_0003: Database,
) -> None:
    with ThreadPoolExecutor(1) as threads, at_0003.engine.connect() as holder:
        # given a migration that waits for the row of a writer
        holder.execute(text(LOCK.format(uuid_of(150))))
        migration = threads.submit(upgrade, at_0003.engine)
        until(lambda: at_0003.ask(FILLING), migration)
        # when the writer adds a key to a quiz whose learner is not filled yet
        holder.execute(text(NEW_KEY.format(uuid_of(150))))
        holder.commit()
        # then
        assert migration.result(timeout=60) == head()
    assert at_0003.ask(WRONG) == []


def test_what_is_filled_stays_when_the_migration_is_interrupted_and_the_next_one_goes_on(
    at_0003: Database,
) -> None:
    # given
    with at_0003.engine.connect() as holder:
        holder.execute(text(LOCK.format(uuid_of(250))))
        refusal(at_0003.command("migrate", MIGRATE_TIMEOUT="1"))
    assert at_0003.version() == "progress_0003"
    ((filled,),) = at_0003.ask(FILLED)
    assert 0 < filled < 251
    # ... and the version before goes on meanwhile
    at_0003.run(OLD_WRITER.format(uuid_of(250)))
    # when
    succeeded(at_0003.command("migrate"))
    # then
    assert at_0003.version() == head()
    assert at_0003.ask(WRONG) == []


def test_a_downgrade_removes_all_of_it_and_the_version_before_writes(at_0003: Database) -> None:
    catalog = at_0003.catalog()
    upgrade(at_0003.engine)

    downgrade(at_0003.engine, "progress_0003")

    assert at_0003.ask(COLUMNS) == []
    assert at_0003.catalog() == catalog
    at_0003.run(OLD_WRITER.format(uuid_of(1)))
    # ... and what it wrote is there for the version after it.
    upgrade(at_0003.engine)
    assert at_0003.ask(WRONG) == []


def test_a_chapter_of_the_version_before_is_one_that_was_recorded_when_it_was_updated(
    at_0003: Database, make_app: MakeApp
) -> None:
    done = "UPDATE chapter_progress SET completed = true, updated_at = '2026-01-05 12:05'"
    at_0003.run(done)
    upgrade(at_0003.engine)
    learner = Learner(InProcess(make_app(database_url=at_0003.url)), "user-7", tutorial="many")
    event = {"id": "1", "type": "chapter", "tutorialId": "many", "chapterId": "chapter-1"}

    found = []
    for minute in (4, 6):
        at = f"2026-01-05T12:0{minute}:00Z"
        more = {"at": at, "watchTime": minute, "completed": False}
        (progress,) = learner.post_events({**event, **more}).body["progress"]
        chapter = chapter_of(progress, "chapter-1")
        found.append((chapter["lastPosition"], chapter["completed"]))

    assert found == [(0, True), (6, False)]
