"""The migrations as a branch of a host app's own Alembic history (docs/embedding-migrations.md)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from progress_api import ProgressAPI
from progress_api.cli import progress
from progress_api.schema.migrate import head, upgrade
from tests.conftest import new_name
from tests.docs.console import block_below
from tests.host.conftest import learner_of

# A host's own tables have names by its own convention, as many have.
ENV = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table

target_metadata = MetaData(naming_convention={
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
})
Table("courses", target_metadata, Column("id", Integer, primary_key=True))
connection = context.config.attributes["connection"]
{0}
with context.begin_transaction():
    context.run_migrations()
"""
MAKO = """
import sqlalchemy as sa
from alembic import op
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
def upgrade():
    ${upgrades if upgrades else "pass"}
def downgrade():
    ${downgrades if downgrades else "pass"}
"""
NEWEST_INDEXES = """
    SELECT DISTINCT ON (indrelid) indexrelid::regclass::text AS name FROM pg_index
    WHERE indrelid IN ('tutorial_progress'::regclass, 'chapter_progress'::regclass,
                       'quiz_scores'::regclass)
    ORDER BY indrelid, indexrelid DESC"""
WRITTEN_BEFORE = """
    WITH tutorial AS (
        INSERT INTO tutorial_progress (tutorial_id, user_id) VALUES ('intro', 'ada') RETURNING id
    ), chapter AS (
        INSERT INTO chapter_progress (progress_id, chapter_id) SELECT id, 'one' FROM tutorial
    ), quiz AS (
        INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score)
        SELECT id, 'final', 1, 1 FROM tutorial RETURNING id
    ) INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key)
    SELECT id, gen_random_uuid() FROM quiz"""
CONSTRAINTS = "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"


@pytest.fixture
def own_engine(empty_database: str) -> Iterator[Engine]:
    """Of a database without any table."""
    engine = create_engine(empty_database, poolclass=NullPool)
    yield engine
    engine.dispose()


class History:
    """A host's directory of migrations, and its own `alembic`."""

    def __init__(self, directory: Path, engine: Engine, guide: str) -> None:
        self._engine = engine
        self.versions = directory / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        env = ENV.replace("{0}", block_below("## A history of its own", guide, "python"))
        (directory / "migrations" / "env.py").write_text(env)
        (directory / "migrations" / "script.py.mako").write_text(MAKO)
        ini = directory / "alembic.ini"
        ini.write_text(block_below("## One history for both", guide, "ini"))
        self._config = Config(ini)

    def run(self, name: str, *arguments: object, **options: object) -> None:
        """Run one of Alembic's commands."""
        with self._engine.connect() as connection:
            self.run_on(connection, name, *arguments, **options)
            connection.commit()

    def run_on(
        self, connection: Connection, name: str, *arguments: object, **options: object
    ) -> None:
        """Run one of them on a connection."""
        self._config.attributes["connection"] = connection
        getattr(command, name)(self._config, *arguments, **options)

    def ask(self, query: str) -> set[str]:
        """The one column of a query."""
        with self._engine.connect() as connection:
            return set(connection.scalars(text(query)))


@pytest.fixture
def history(root: Path, tmp_path: Path, own_engine: Engine) -> History:
    """One whose first migration is the host's own, and that has upgraded to both heads."""
    guide = (root / "docs" / "embedding-migrations.md").read_text()
    history = History(tmp_path, own_engine, guide)
    own = str(history.versions)
    history.run("revision", rev_id="host_1", branch_label="host", head="base", version_path=own)
    history.run("upgrade", "heads")
    return history


def test_one_upgrade_migrates_both(history: History, own_engine: Engine, host: Flask) -> None:
    assert history.ask("SELECT version_num FROM alembic_version") == {"host_1", head()}
    # ... and what it made serves.
    ProgressAPI(host, engine=own_engine, learner=new_name)
    assert learner_of(host).answer_quiz().status == 200


def test_an_upgrade_in_a_transaction_of_the_hosts_own_migrates_both(
    history: History, own_engine: Engine
) -> None:
    # given
    history.run("downgrade", "progress_api@base")
    # when
    with own_engine.begin() as connection:
        history.run_on(connection, "upgrade", "heads")
    # then
    assert history.ask("SELECT version_num FROM alembic_version") == {"host_1", head()}
    # ... to the same, in which the unique keys are the newest indexes.
    assert history.ask(NEWEST_INDEXES) == {
        "tutorial_progress_tutorial_id_user_id_key",
        "chapter_progress_progress_id_chapter_id_key",
        "quiz_scores_progress_id_quiz_id_key",
    }


def test_rows_of_an_older_version_get_their_learner_in_a_transaction_of_the_hosts_own(
    history: History, own_engine: Engine
) -> None:
    # given
    history.run("downgrade", "progress_api@progress_0003")
    with own_engine.begin() as connection:
        connection.exec_driver_sql(WRITTEN_BEFORE)
        # when
        history.run_on(connection, "upgrade", "heads")
    # then
    for table in ("chapter_progress", "quiz_scores", "quiz_attempt_keys"):
        assert history.ask(f"SELECT user_id FROM {table}") == {"ada"}  # noqa: S608


def test_the_hosts_naming_convention_does_not_apply_to_the_packages_tables(
    history: History, database: str, own_engine: Engine
) -> None:
    upgraded_by_us = create_engine(database, poolclass=NullPool)
    with upgraded_by_us.connect() as connection:
        meant = set(connection.scalars(text(CONSTRAINTS)))

    assert {name for name in history.ask(CONSTRAINTS) if "alembic" not in name} == {
        name for name in meant if "progress_api_version" not in name
    }
    upgraded_by_us.dispose()
    own_engine.dispose()


def test_the_host_goes_on_with_its_own_branch(history: History) -> None:
    # when
    history.run("revision", message="courses", autogenerate=True, head="host@head")
    # then it has found the host's new table, and none of the package's
    (written,) = history.versions.glob("*courses.py")
    assert "create_table('courses'" in written.read_text()
    assert "progress" not in written.read_text()
    history.run("upgrade", "heads")
    history.run("check")


def test_our_branch_is_taken_back_alone(history: History) -> None:
    history.run("downgrade", "progress_api@base")

    assert history.ask("SELECT version_num FROM alembic_version") == {"host_1"}
    assert history.ask("SELECT to_regclass('tutorial_progress')") == {None}


def test_our_own_command_leaves_such_a_database_alone_in_a_sentence(
    history: History, own_engine: Engine, host: Flask
) -> None:
    ProgressAPI(host, engine=own_engine, learner=new_name)

    said = host.test_cli_runner().invoke(progress, ["migrate"])

    assert said.exit_code == 1
    assert "migrate by the Alembic history that did" in said.output
    assert history.ask("SELECT to_regclass('progress_api_version')") == {None}


def test_a_database_that_our_command_migrated_is_taken_over_by_a_stamp(
    root: Path, tmp_path: Path, own_engine: Engine
) -> None:
    # given
    upgrade(own_engine)
    history = History(tmp_path, own_engine, (root / "docs" / "embedding-migrations.md").read_text())
    # when
    history.run("stamp", "progress_api@head")
    history.run("upgrade", "heads")
    # then
    assert history.ask("SELECT version_num FROM alembic_version") == {head()}
