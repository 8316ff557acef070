"""What `progress distribute` refuses, with nothing changed (spec 17.4, 17.5)."""

import pytest

from tests.distributed.conftest import OLD_CHAPTER, everything
from tests.migrations.database import Database, refusal, succeeded

WITHOUT_LEARNER = "UPDATE {} SET user_id = NULL"
# As a version before migration 4 records a chapter that it has recorded before.
AGAIN = """
    UPDATE tutorial_progress SET last_watched_at = timezone('UTC', now());
    UPDATE chapter_progress SET watch_time = 9, updated_at = timezone('UTC', now())"""
MANY = """
    INSERT INTO tutorial_progress (tutorial_id, user_id)
    SELECT 'many', 'learner-' || n FROM generate_series(1, 1000) n"""


def test_a_database_without_citus_is_refused(plain: Database) -> None:
    before = everything(plain)

    assert refusal(plain.command("distribute")).startswith("Citus is not installed")
    assert refusal(plain.command("distribute", "--dry-run")).startswith("Citus is not installed")

    assert everything(plain) == before


def test_a_worker_of_citus_is_refused(coordinator: Database) -> None:
    coordinator.run("UPDATE pg_dist_local_group SET groupid = 2")

    assert refusal(coordinator.command("distribute")).startswith("This server is a worker of Citus")


def test_a_database_that_is_not_migrated_is_refused(coordinator: Database) -> None:
    succeeded(coordinator.command("downgrade", "progress_0004"))

    assert "progress-api migrate" in refusal(coordinator.command("distribute"))


def test_tables_that_are_distributed_in_part_are_refused(coordinator: Database) -> None:
    coordinator.run("INSERT INTO pg_dist_partition VALUES ('quiz_scores', 'user_id', 'h')")

    assert refusal(coordinator.command("distribute")).startswith("Citus distributes 1 of 5 tables")


def test_more_rows_than_may_be_locked_are_refused(coordinator: Database) -> None:
    coordinator.run(MANY)
    before = everything(coordinator)

    sentence = refusal(coordinator.command("distribute", "--max-lock", "0.01"))

    assert sentence.startswith("The tables have 1,000 rows and will be locked for about 0.0 s, but")
    assert "--max-lock allows 0.01 s" in sentence
    assert everything(coordinator) == before
    succeeded(coordinator.command("distribute", "--max-lock", "10"))


@pytest.mark.parametrize("table", ["tutorial_progress", "chapter_progress"])
def test_a_row_without_a_learner_is_refused(table: str, coordinator: Database) -> None:
    coordinator.run(OLD_CHAPTER.format("1 day"))
    coordinator.run(WITHOUT_LEARNER.format(table))
    before = everything(coordinator)

    assert refusal(coordinator.command("distribute")).startswith(f"A row of {table} has no user_id")
    assert everything(coordinator) == before


def test_a_version_that_wrote_within_the_hour_without_the_learner_is_refused(
    coordinator: Database,
) -> None:
    coordinator.run(OLD_CHAPTER.format("10 minutes"))
    before = everything(coordinator)

    assert refusal(coordinator.command("distribute")).startswith("A version of the service before")
    assert everything(coordinator) == before


def test_a_version_that_only_repeats_its_earlier_chapters_is_refused(coordinator: Database) -> None:
    coordinator.run(OLD_CHAPTER.format("2 hours"))
    coordinator.run(AGAIN)

    assert refusal(coordinator.command("distribute")).startswith("A version of the service before")


def test_a_version_that_wrote_two_hours_ago_is_not_in_the_way(coordinator: Database) -> None:
    coordinator.run(OLD_CHAPTER.format("2 hours"))

    succeeded(coordinator.command("distribute"))
