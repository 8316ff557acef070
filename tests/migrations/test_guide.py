"""Migration 1 is the guide's SQL; a database where somebody ran that by hand is adopted."""

import pytest
from flask import Flask

from progress_api.schema.migrate import downgrade, upgrade
from tests.client import InProcess, Learner
from tests.conftest import MakeApp
from tests.migrations.database import GUIDE, Database, Rows, refusal, succeeded

GUIDE_INDEXES = {
    "idx_tutorial_progress_user_id": "(user_id)",
    "idx_tutorial_progress_tutorial_id": "(tutorial_id)",
    "idx_tutorial_progress_last_watched": "(last_watched_at DESC)",
    "idx_chapter_progress_progress_id": "(progress_id)",
    "idx_quiz_scores_progress_id": "(progress_id)",
}


def test_migration_1_makes_exactly_what_the_guides_sql_makes(
    empty: Database, migrated: Database
) -> None:
    # given
    empty.run(GUIDE)
    # when
    downgrade(migrated.engine, "progress_0001")
    # then
    meant, made = empty.catalog(), migrated.catalog()
    assert {kind: made[kind] for kind in meant} == meant
    assert len(meant["columns"]) == len(made["columns"]) > 30
    assert migrated.version() == "progress_0001"


def test_migration_1_makes_the_indexes_that_the_guide_lists(at_head: Database) -> None:
    # when
    definitions: dict[str, str] = dict(at_head.ask("SELECT indexname, indexdef FROM pg_indexes"))
    # then
    for name, columns in GUIDE_INDEXES.items():
        assert definitions[name].endswith(f"USING btree {columns}")


def test_a_database_made_by_hand_is_adopted_with_its_rows(by_hand: Database) -> None:
    # given
    before, files = by_hand.rows(), _files(by_hand)
    # when
    said = succeeded(by_hand.command("migrate"))
    # then
    assert by_hand.rows() == before
    assert said == f"The database is at {by_hand.version()}."
    # ... in the files where they were: no table was copied or rewritten.
    assert _files(by_hand) == files


def test_an_adopted_database_is_the_same_as_one_made_by_the_migrations(
    by_hand: Database, at_head: Database
) -> None:
    # when
    upgrade(by_hand.engine)
    # then
    assert by_hand.catalog() == at_head.catalog()
    assert by_hand.version() == at_head.version()


def test_the_service_goes_on_from_the_rows_of_an_adopted_database(
    by_hand: Database, make_app: MakeApp
) -> None:
    # given
    upgrade(by_hand.engine)
    ada = _learner("ada", make_app(database_url=by_hand.url))
    # when
    found, gone_on = ada.progress(), ada.watch("chapter-2", 45, completed=True)
    # then
    assert found["chaptersCompleted"] == 1
    assert found["lastWatchedAt"] == "2026-01-02T03:04:05.678901Z"
    assert [chapter["chapterId"] for chapter in found["chapterProgress"]] == [
        "chapter-1",
        "chapter-2",
    ]
    assert [quiz["attempts"] for quiz in found["quizScores"]] == [3, 1]
    assert gone_on.body["completionPercentage"] == 100
    assert gone_on.body["totalWatchTime"] == 105
    assert ada.answer_quiz("quiz-1", 9).body["quizScores"][0]["attempts"] == 4


def test_migrating_again_changes_nothing(by_hand: Database) -> None:
    # given
    upgrade(by_hand.engine)
    rows, catalog = by_hand.rows(), by_hand.catalog()
    # when
    succeeded(by_hand.command("migrate"))
    # then
    assert (by_hand.rows(), by_hand.catalog()) == (rows, catalog)


def test_tables_of_others_in_the_same_database_are_left_alone(by_hand: Database) -> None:
    # given
    by_hand.run("CREATE TABLE alembic_version (version_num text); CREATE TABLE users (id int)")
    by_hand.run("INSERT INTO alembic_version VALUES ('of a host'); INSERT INTO users VALUES (1)")
    # when
    succeeded(by_hand.command("migrate"))
    # then
    assert by_hand.ask("SELECT * FROM alembic_version, users") == [("of a host", 1)]


CHAPTER_KEY = "chapter_progress_progress_id_fkey"
CHAPTER_UNIQUE = "chapter_progress_progress_id_chapter_id_key"
NEW_CHAPTER_KEY = f"""
    ALTER TABLE chapter_progress DROP CONSTRAINT {CHAPTER_KEY};
    ALTER TABLE chapter_progress ADD CONSTRAINT {CHAPTER_KEY} FOREIGN KEY (progress_id)
    REFERENCES tutorial_progress (id)"""
NEW_CHAPTER_UNIQUE = f"""
    ALTER TABLE chapter_progress DROP CONSTRAINT {CHAPTER_UNIQUE};
    ALTER TABLE chapter_progress ADD CONSTRAINT {CHAPTER_UNIQUE} UNIQUE"""
NEW_SCORE_CHECK = """
    ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_score_check;
    ALTER TABLE quiz_scores ADD CONSTRAINT quiz_scores_score_check CHECK"""
LAST_WATCHED = "idx_tutorial_progress_last_watched"
NEW_LAST_WATCHED = f"""
    DROP INDEX {LAST_WATCHED}; CREATE INDEX {LAST_WATCHED} ON tutorial_progress"""
USER_INDEX = "idx_tutorial_progress_user_id"
NEW_USER_INDEX = f"DROP INDEX {USER_INDEX}; CREATE INDEX {USER_INDEX} ON tutorial_progress"

DIFFERENCES = {
    "a missing column": ("ALTER TABLE chapter_progress DROP last_position", "last_position"),
    "another type": ("ALTER TABLE quiz_scores ALTER score TYPE bigint", "score"),
    "a longer text": ("ALTER TABLE quiz_scores ALTER quiz_id TYPE varchar(300)", "quiz_id"),
    "a text without bound": ("ALTER TABLE quiz_scores ALTER quiz_id TYPE text", "quiz_id"),
    "a time with a zone": (
        "ALTER TABLE tutorial_progress ALTER last_watched_at TYPE timestamptz",
        "last_watched_at",
    ),
    "a coarser time": (
        "ALTER TABLE tutorial_progress ALTER last_watched_at TYPE timestamp(0)",
        "last_watched_at",
    ),
    "another collation": (
        'ALTER TABLE quiz_scores ALTER quiz_id TYPE varchar(255) COLLATE "POSIX"',
        "quiz_id",
    ),
    "an extra column": ("ALTER TABLE chapter_progress ADD note text", "note"),
    "another default": ("ALTER TABLE quiz_scores ALTER attempts SET DEFAULT 0", "attempts"),
    "a missing default": ("ALTER TABLE quiz_scores ALTER id DROP DEFAULT", "id"),
    "NOT NULL added": ("ALTER TABLE tutorial_progress ALTER updated_at SET NOT NULL", "updated_at"),
    "NOT NULL missing": ("ALTER TABLE quiz_scores ALTER quiz_id DROP NOT NULL", "quiz_id"),
    "a missing check": (
        "ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_score_check",
        "quiz_scores_score_check",
    ),
    "another check": (f"{NEW_SCORE_CHECK} (score > -2)", "quiz_scores_score_check"),
    "a check not validated": (
        f"{NEW_SCORE_CHECK} (score >= 0) NOT VALID",
        "quiz_scores_score_check",
    ),
    "a missing index": (f"DROP INDEX {USER_INDEX}", USER_INDEX),
    "an index the other way": (f"{NEW_LAST_WATCHED} (last_watched_at)", LAST_WATCHED),
    "an index of a part": (f"{NEW_USER_INDEX} (user_id) WHERE user_id > 'm'", USER_INDEX),
    "an index of another kind": (f"{NEW_USER_INDEX} USING hash (user_id)", USER_INDEX),
    "an extra unique index": ("CREATE UNIQUE INDEX only_one ON chapter_progress (id)", "only_one"),
    "a missing cascade": (NEW_CHAPTER_KEY, CHAPTER_KEY),
    "another cascade": (f"{NEW_CHAPTER_KEY} ON DELETE CASCADE ON UPDATE CASCADE", CHAPTER_KEY),
    "a missing foreign key": (
        f"ALTER TABLE chapter_progress DROP CONSTRAINT {CHAPTER_KEY}",
        CHAPTER_KEY,
    ),
    "a missing unique key": (
        f"ALTER TABLE chapter_progress DROP CONSTRAINT {CHAPTER_UNIQUE}",
        CHAPTER_UNIQUE,
    ),
    "a unique key checked late": (
        f"{NEW_CHAPTER_UNIQUE} (progress_id, chapter_id) DEFERRABLE",
        CHAPTER_UNIQUE,
    ),
    "another primary key": (
        "ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_pkey",
        "quiz_scores_pkey",
    ),
    "a missing table": ("DROP TABLE quiz_scores", "quiz_scores"),
    "only one table": ("DROP TABLE chapter_progress, quiz_scores", "chapter_progress"),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_database_that_differs_is_refused_with_the_difference_named(
    difference: str, by_hand: Database
) -> None:
    # given
    script, named = DIFFERENCES[difference]
    by_hand.run(script)
    before = by_hand.catalog()
    # when
    sentence = refusal(by_hand.command("migrate"))
    # then
    assert named in sentence
    # ... and nothing was changed.
    assert by_hand.catalog() == before
    assert by_hand.version() is None


def test_each_of_several_differences_is_named_with_its_table(by_hand: Database) -> None:
    # given
    by_hand.run("ALTER TABLE chapter_progress ADD note text")
    by_hand.run("ALTER TABLE quiz_scores ALTER attempts SET DEFAULT 0")
    # when
    sentence = refusal(by_hand.command("migrate"))
    # then
    for named in ("chapter_progress: column note", "quiz_scores: column attempts"):
        assert named in sentence
    # ... and what is the guide's is not.
    assert "tutorial_id" not in sentence


def test_a_view_of_a_tables_name_is_refused(empty: Database) -> None:
    # given
    empty.run("CREATE VIEW tutorial_progress AS SELECT 1 AS id")
    # when, then
    assert "tutorial_progress" in refusal(empty.command("migrate"))


def test_the_guides_sql_here_is_the_guides() -> None:
    """The copy has the three tables and the five indexes; the guide itself is not in the clone."""
    assert GUIDE.count("CREATE TABLE ") == 3
    assert GUIDE.count("CREATE INDEX ") == len(GUIDE_INDEXES)


def _files(database: Database) -> Rows:
    return database.ask(
        "SELECT relname, relfilenode FROM pg_class WHERE relname IN "
        "('tutorial_progress', 'chapter_progress', 'quiz_scores') ORDER BY relname"
    )


def _learner(name: str, app: Flask) -> Learner:
    return Learner(InProcess(app), name)
