"""`progress distribute`: what it does, once, and all of it or nothing (spec 17.1 to 17.3, 17.5)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import Result
from sqlalchemy import text

from progress_api.schema.distribution import script
from progress_api.schema.migrate import head
from tests.client import SECRET
from tests.distributed.conftest import CITUS, OLD_CHAPTER, ROWS, TABLES, everything
from tests.migrations.conftest import LEARNERS
from tests.migrations.database import Database, succeeded

KEYS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')"""
WAITING = """
    SELECT pid FROM pg_locks
    WHERE NOT granted AND relation = 'tutorial_certificates'::regclass"""
DISTRIBUTED = "SELECT logicalrelid::text, partkey FROM pg_dist_partition"
# In the middle of the change, after the tables are locked and their keys are replaced.
_AT_OUTLINES = """
    CREATE OR REPLACE FUNCTION citus_stub.create_reference_table(copied regclass) RETURNS void
    LANGUAGE plpgsql AS $$ BEGIN {}; END $$"""
SLOW = _AT_OUTLINES.format("PERFORM pg_sleep(60)")
FAILING = _AT_OUTLINES.format("RAISE 'a disk is full'")
LOST = _AT_OUTLINES.format("PERFORM pg_terminate_backend(pg_backend_pid())")
FAILING_AT_COMMIT = """
    CREATE FUNCTION citus_stub.fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'a worker is away'; END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON citus_stub.pg_dist_partition
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION citus_stub.fail()"""


def failure(result: Result) -> str:
    """The sentence of a command that announced what it does, and failed."""
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 1), result.output
    return result.stderr.removeprefix("Error: ").rstrip()


def test_the_tables_of_learners_are_distributed_beside_each_other(distributed: Database) -> None:
    assert dict(distributed.ask(DISTRIBUTED)) == dict.fromkeys(
        (*TABLES, "tutorial_certificates"), "user_id"
    ) | {"tutorial_outlines": None}


def test_each_key_of_a_distributed_table_holds_the_learner(distributed: Database) -> None:
    keys: dict[str, str] = dict(distributed.ask(KEYS))

    assert len(keys) == 14
    without = {name for name, definition in keys.items() if "user_id" not in definition}
    assert without == {"tutorial_outlines_pkey", "progress_api_version_pkc"}
    assert keys["quiz_attempt_keys_quiz_score_id_fkey"] == (
        "FOREIGN KEY (user_id, quiz_score_id) REFERENCES quiz_scores(user_id, id) ON DELETE CASCADE"
    )
    # ... and a certificate is found by its id alone.
    assert keys["tutorial_certificates_pkey"] == "PRIMARY KEY (id, user_id)"


def test_no_row_is_lost(coordinator: Database) -> None:
    coordinator.run(LEARNERS)
    coordinator.run("DELETE FROM tutorial_progress WHERE user_id IS NULL")
    before = {table: coordinator.ask(ROWS.format(table)) for table in TABLES}

    printed = succeeded(coordinator.command("distribute")).splitlines()

    assert printed[0].startswith("The tables have ")
    assert printed[1].startswith("The tables are distributed by learner. They were locked for ")
    assert {table: coordinator.ask(ROWS.format(table)) for table in TABLES} == before


def test_a_dry_run_prints_the_sql_and_changes_nothing(coordinator: Database) -> None:
    before = everything(coordinator)

    printed = succeeded(coordinator.command("distribute", "--dry-run"))

    assert printed.partition("\n")[0] == (
        "-- The tables have 0 rows and will be locked for about 0.0 s."
    )
    assert printed.partition("\n")[2] == script().rstrip()
    assert everything(coordinator) == before


def test_the_printed_sql_does_what_the_command_does(
    coordinator: Database, distributed: Database
) -> None:
    coordinator.run(script())

    assert coordinator.catalog() == distributed.catalog()
    assert coordinator.ask(DISTRIBUTED) == distributed.ask(DISTRIBUTED)
    assert succeeded(coordinator.command("distribute")).endswith("already.")


def test_tables_in_a_schema_of_their_own_are_distributed_there(plain: Database) -> None:
    ours = {"PROGRESS_SCHEMA": "order"}
    succeeded(plain.command("migrate", **ours))
    created = CITUS.replace("CREATE SCHEMA", "CREATE SCHEMA IF NOT EXISTS")
    plain.run(created.replace("citus_stub", '"order"'))

    printed = succeeded(plain.command("distribute", "--dry-run", **ours)).splitlines()
    succeeded(plain.command("distribute", **ours))

    assert "SET LOCAL search_path = 'order';" in printed
    moved = plain.ask('SELECT logicalrelid::text FROM "order".pg_dist_partition')
    assert ('"order".quiz_scores',) in moved
    assert len(moved) == 6
    assert succeeded(plain.command("check", JWT_SECRET_KEY=SECRET, **ours)) == ""


def test_again_it_says_that_the_tables_are_distributed(distributed: Database) -> None:
    before = everything(distributed)

    for arguments in (["--dry-run"], []):
        printed = succeeded(distributed.command("distribute", *arguments))
        assert printed == "The tables are distributed by learner already."

    assert everything(distributed) == before


def test_a_dump_of_distributed_tables_is_distributed_again(coordinator: Database) -> None:
    """A dump has the keys of distributed tables, but not where they are."""
    succeeded(coordinator.command("distribute"))
    before = coordinator.catalog()
    coordinator.run("TRUNCATE citus_stub.pg_dist_partition")

    succeeded(coordinator.command("distribute"))

    assert coordinator.catalog() == before


def test_a_change_that_takes_longer_than_allowed_is_undone(coordinator: Database) -> None:
    coordinator.run(SLOW)
    before = everything(coordinator)

    sentence = failure(coordinator.command("distribute", "--max-lock", "0.5"))

    assert sentence.startswith("Nothing was changed: it took longer than --max-lock allows")
    assert everything(coordinator) == before


def test_a_change_that_fails_half_way_is_undone(coordinator: Database) -> None:
    coordinator.run(FAILING)
    before = everything(coordinator)

    assert failure(coordinator.command("distribute")) == "Nothing was changed: a disk is full"

    assert everything(coordinator) == before


def test_a_connection_that_is_lost_half_way_undoes_all(coordinator: Database) -> None:
    coordinator.run(LOST)
    before = everything(coordinator)

    sentence = failure(coordinator.command("distribute"))

    assert sentence.startswith("Nothing was changed: ")
    assert everything(coordinator) == before


def test_nobody_is_told_that_nothing_was_changed_if_the_commit_failed(
    coordinator: Database,
) -> None:
    coordinator.run(FAILING_AT_COMMIT)

    sentence = failure(coordinator.command("distribute"))

    assert sentence.startswith("Run the command again, which tells whether")
    assert sentence.endswith("a worker is away")


def test_tables_in_use_are_waited_for_no_longer_than_for_a_migration(
    coordinator: Database,
) -> None:
    before = everything(coordinator)
    with coordinator.engine.connect() as reader:
        reader.execute(text("SELECT FROM tutorial_progress"))
        sentence = failure(coordinator.command("distribute", MIGRATE_TIMEOUT="1"))

    assert sentence.startswith("The tables were in use for all of MIGRATE_TIMEOUT")
    assert everything(coordinator) == before


def test_a_deadlock_with_a_reader_is_tried_again(coordinator: Database) -> None:
    # given a reader that takes the tables in another order, and never gives way
    with coordinator.engine.connect() as reader, ThreadPoolExecutor(1) as thread:
        reader.execute(text("SET deadlock_timeout = '1min'"))
        reader.execute(text("SELECT FROM tutorial_certificates"))
        # when
        ended = thread.submit(coordinator.command, "distribute")
        while not coordinator.ask(WAITING):
            pass
        reader.execute(text("SELECT FROM tutorial_progress"))
        reader.commit()
    # then
    succeeded(ended.result())


def test_a_version_that_does_not_know_the_learner_writes_nothing_wrong_afterwards(
    coordinator: Database,
) -> None:
    succeeded(coordinator.command("distribute"))

    with pytest.raises(Exception, match=r'null value in column "user_id"'):
        coordinator.run(OLD_CHAPTER.format("1 minute"))


def test_head_is_the_revision_before_and_after(distributed: Database) -> None:
    assert distributed.version() == head()
