"""Our tables beside a host's: their own history, a schema of their own, and a host's Alembic."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import Result
from flask import Flask
from sqlalchemy import Column, Engine, Integer, MetaData, NullPool, Table, create_engine, text

from progress_api import ProgressAPI, SettingsError, include_object
from progress_api.cli import progress
from progress_api.exceptions import SchemaDiffers
from progress_api.schema.migrate import check, downgrade, head, upgrade
from tests.host.conftest import learner_of, recorded, with_database

TABLES = {
    "chapter_progress",
    "quiz_attempt_keys",
    "quiz_scores",
    "tutorial_certificates",
    "tutorial_outlines",
    "tutorial_progress",
}
DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")


@pytest.fixture
def own_engine(empty_database: str) -> Iterator[Engine]:
    """Of a database without any table."""
    engine = create_engine(empty_database, poolclass=NullPool)
    yield engine
    engine.dispose()


def run(app: Flask, *arguments: str) -> Result:
    """What a host's operator sees of `flask progress …`."""
    return app.test_cli_runner().invoke(progress, arguments)


def tables_of(engine: Engine, schema: str) -> set[str]:
    """The tables of a schema."""
    query = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema")
    with engine.connect() as connection:
        return set(connection.scalars(query, {"schema": schema}))


def test_the_hosts_command_migrates_the_hosts_database(host: Flask, empty_database: str) -> None:
    # given
    with_database(host, empty_database)
    ProgressAPI(host, learner=lambda: "ada")
    assert run(host, "check").exit_code == 1
    # when
    said = run(host, "migrate")
    # then
    assert said.output == f"The database is at {head()}.\n"
    assert run(host, "check").exit_code == 0
    assert learner_of(host).watch().status == 200


def test_the_command_serves_each_mount_or_the_one_that_is_named(
    host: Flask, own_engine: Engine
) -> None:
    # given
    for name in ("one", "two"):
        ProgressAPI(
            host,
            name=name,
            url_prefix=f"/{name}",
            schema=name,
            engine=own_engine,
            learner=lambda: "ada",
        )
    # when
    all_of_them = run(host, "migrate")
    back = run(host, "downgrade", "base", "--mount", "two")
    # then
    told = [f"{name}: The database is at {head()}." for name in ("one", "two")]
    assert all_of_them.output.splitlines() == told
    assert back.output == "two: The database is at base.\n"
    assert tables_of(own_engine, "one") >= TABLES
    assert not tables_of(own_engine, "two") & TABLES
    # ... and an invalid name is rejected with one sentence.
    assert "not mounted" in run(host, "migrate", "--mount", "three").output


def test_the_command_of_an_app_without_us_is_one_sentence(host: Flask) -> None:
    refused = run(host, "migrate")

    assert refused.exit_code == 1
    assert refused.output.startswith("Error: Tutorial progress is not mounted in this app")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("one_trip", ["true", "false"])
def test_the_tables_may_be_in_a_schema_of_their_own(
    host: Flask, own_engine: Engine, driver: str, one_trip: str
) -> None:
    # given a host with a table of the same name, in its own schema
    with own_engine.begin() as connection:
        connection.execute(text("CREATE TABLE quiz_scores (pupil text, score text)"))
    engine = create_engine(own_engine.url.set(drivername=driver), poolclass=NullPool)
    host.config |= {"PROGRESS_SCHEMA": "learning", "PROGRESS_DATABASE_ONE_TRIP": one_trip}
    ProgressAPI(host, engine=engine, learner=lambda: "ada")
    run(host, "migrate")
    learner = learner_of(host)
    # when
    learner.complete_chapters(1, of=1)
    learner.watch("chapter-0", seconds=90)
    for _ in range(2):
        learner.answer_quiz(headers={"Idempotency-Key": "1"})
    learner.answer_quiz(score=9)
    earned = learner.complete().body
    # then
    assert (earned["certificateEarned"], recorded(learner.get())) == (True, 90)
    assert earned["quizScores"][0]["attempts"] == 2
    assert tables_of(own_engine, "learning") == TABLES | {"progress_api_version"}
    assert tables_of(own_engine, "public") == {"quiz_scores"}
    # ... and all of it is gone after a reset.
    learner.reset()
    with own_engine.connect() as connection:
        left = connection.scalars(text("SELECT count(*) FROM learning.quiz_attempt_keys"))
        assert list(left) == [0]
    engine.dispose()


def test_an_existing_schema_is_used_by_a_role_that_may_not_create_one(own_engine: Engine) -> None:
    # given
    with own_engine.begin() as connection:
        for statement in (
            "CREATE ROLE guest_of_a_host LOGIN",
            "CREATE SCHEMA learning AUTHORIZATION guest_of_a_host",
        ):
            connection.execute(text(statement))
    engine = create_engine(own_engine.url.set(username="guest_of_a_host"), poolclass=NullPool)
    # when
    upgrade(engine, "learning")
    # then
    assert tables_of(own_engine, "learning") >= TABLES
    check(engine, "learning")
    engine.dispose()


def test_tables_made_by_hand_in_a_schema_are_adopted(own_engine: Engine) -> None:
    # given the guide's tables, as migration 1 makes them, and no version table
    upgrade(own_engine, "learning")
    downgrade(own_engine, "progress_0001", "learning")
    with own_engine.begin() as connection:
        connection.execute(text("DROP TABLE learning.progress_api_version"))
    # when
    upgrade(own_engine, "learning")
    # then
    check(own_engine, "learning")


def test_tables_of_another_history_are_refused_in_a_sentence(
    host: Flask, own_engine: Engine
) -> None:
    # given
    upgrade(own_engine)
    with own_engine.begin() as connection:
        connection.execute(text("DROP TABLE progress_api_version"))
    ProgressAPI(host, engine=own_engine, learner=lambda: "ada")
    # when
    refused = run(host, "migrate")
    # then
    assert refused.exit_code == 1
    assert "migrate by the Alembic history" in refused.output
    assert "progress_api_version" not in tables_of(own_engine, "public")
    with pytest.raises(SchemaDiffers):
        upgrade(own_engine)


def test_a_schema_that_is_no_name_is_refused_when_mounted(host: Flask, own_engine: Engine) -> None:
    with pytest.raises(SettingsError, match="schema"):
        ProgressAPI(host, engine=own_engine, learner=lambda: "ada", schema='a"; DROP')


def test_a_hosts_autogenerate_leaves_out_the_packages_tables(own_engine: Engine) -> None:
    # given
    upgrade(own_engine)
    hosts_own = MetaData()
    Table("users", hosts_own, Column("id", Integer, primary_key=True))
    hosts_own.create_all(own_engine)
    Table("courses", hosts_own, Column("id", Integer, primary_key=True))
    # then
    assert [change[0] for change in _proposed(own_engine, hosts_own, include_object)] == [
        "add_table"  # the host's own
    ]
    # ... and without the line it would drop them.
    assert "remove_table" in {change[0] for change in _proposed(own_engine, hosts_own, None)}


def test_a_host_with_a_table_of_our_name_still_compares_its_own(own_engine: Engine) -> None:
    # given
    upgrade(own_engine, "learning")
    hosts_own = MetaData()
    Table("quiz_scores", hosts_own, Column("id", Integer, primary_key=True))
    hosts_own.create_all(own_engine)
    changed = MetaData()
    Table("quiz_scores", changed, Column("id", Integer, primary_key=True), Column("n", Integer))
    # then
    (change,) = _proposed(own_engine, changed, include_object)
    assert change[0] == "add_column"


def _proposed(engine: Engine, metadata: MetaData, include: object) -> list[tuple[str, ...]]:
    with engine.connect() as connection:
        options = {"include_object": include} if include else {}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def test_our_own_check_never_looks_at_the_hosts_tables(own_engine: Engine) -> None:
    upgrade(own_engine)
    with own_engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (id int)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num text)"))

    check(own_engine)
