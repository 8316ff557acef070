"""Check, later migrations and downgrades know the keys of distributed tables (spec 17.6)."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.client import SECRET
from tests.migrations.database import Database, refusal, run_in, succeeded

OTHER_KEY = """
    ALTER TABLE quiz_attempt_keys DROP CONSTRAINT quiz_attempt_keys_pkey, ADD PRIMARY KEY ({})"""
KEY = {"JWT_SECRET_KEY": SECRET}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE quiz_scores ADD note text", "note"),
        ("ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_progress_id_fkey", "fkey is missing"),
        ("DROP INDEX idx_quiz_scores_progress_id", "idx_quiz_scores_progress_id"),
        (
            OTHER_KEY.format("quiz_score_id, attempt_key"),
            "quiz_attempt_keys_pkey is PRIMARY KEY (quiz_score_id, attempt_key)",
        ),
    ],
)
def test_check_names_what_differs_from_distributed_tables(
    change: str, named: str, coordinator: Database
) -> None:
    succeeded(coordinator.command("distribute"))
    coordinator.run(change)

    assert named in refusal(coordinator.command("check", **KEY))


def test_check_names_a_primary_key_that_plain_tables_do_not_have(plain: Database) -> None:
    plain.run(OTHER_KEY.format("attempt_key, quiz_score_id"))

    assert "quiz_attempt_keys_pkey is" in refusal(plain.command("check", **KEY))


def test_a_later_migration_is_written_and_run_for_distributed_tables(
    coordinator: Database, root: Path, tmp_path: Path
) -> None:
    succeeded(coordinator.command("distribute"))
    before = coordinator.catalog()
    shutil.copytree(root / "progress_api", tmp_path / "progress_api")
    coordinator.run("ALTER TABLE quiz_scores ADD note text")

    *_, written, _ = run_in(tmp_path, coordinator, ["revision", "Drop the note"], ["migrate"])

    upgrade = Path(written).read_text().partition("def upgrade")[2].partition("def downgrade")[0]
    operations = [line.strip() for line in upgrade.splitlines() if "op." in line]
    assert [one.replace("'", '"') for one in operations] == [
        'op.drop_column("quiz_scores", "note")'
    ]
    assert coordinator.catalog() == before


def test_a_distributed_database_is_not_migrated_down(distributed: Database) -> None:
    before = distributed.catalog()

    sentence = refusal(distributed.command("downgrade", "progress_0003"))

    assert "distributed by learner" in sentence
    assert distributed.catalog() == before


def test_a_learner_cannot_be_below_the_row_of_another(distributed: Database) -> None:
    """The foreign keys hold the learner, too."""
    wrong = """
        WITH one AS (INSERT INTO tutorial_progress (tutorial_id, user_id)
                     VALUES ('wrong', 'one') RETURNING id)
        INSERT INTO chapter_progress (user_id, progress_id, chapter_id)
        SELECT 'another', id, 'wrong' FROM one"""
    with (
        distributed.engine.begin() as connection,
        pytest.raises(Exception, match="violates foreign key"),
    ):
        connection.execute(text(wrong))
