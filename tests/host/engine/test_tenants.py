"""Where a host's engine says that the rows are, there they are: one host, several tenants."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.orm import Session

from embedded.postgres import Postgres
from progress_api import ProgressRepository
from progress_api.cli import progress
from tests.conftest import new_database, new_name
from tests.host.conftest import recorded
from tests.host.engine.conftest import CHAPTER, TENANTS, Connect, ask_all, mounted, rows_of

# A tenant sees its own learners, whose names begin with its own, and what belongs to their rows.
POLICIES = {
    "tutorial_progress": "user_id LIKE current_setting('app.tenant', true) || ':%'",
    "chapter_progress": "progress_id IN (SELECT id FROM tutorial_progress)",
    "quiz_scores": "progress_id IN (SELECT id FROM tutorial_progress)",
    "quiz_attempt_keys": "quiz_score_id IN (SELECT id FROM quiz_scores)",
    "tutorial_certificates": "user_id LIKE current_setting('app.tenant', true) || ':%'",
    "tutorial_outlines": "true",
}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = :schema"


MAPS: list[tuple[dict[str | None, str], str | None, str]] = [
    ({None: "north"}, None, "north"),
    ({"learning": "south"}, "learning", "south"),
    ({None: "north"}, "south", "south"),
]


@pytest.mark.parametrize(("translated", "schema", "lands_in"), MAPS)
def test_a_schema_translate_map_of_the_hosts_says_where_the_rows_are(
    host: Flask, connect: Connect, translated: object, schema: str | None, lands_in: str
) -> None:
    # given
    name, engine = new_name(), connect().execution_options(schema_translate_map=translated)
    learner = mounted(host, engine, name, schema=schema)
    # when
    answers = ask_all(learner)
    # then
    assert [answer.status for answer in answers] == [200] * 4
    assert answers[-1].body["certificateEarned"] is True
    assert rows_of(connect(), name) == {lands_in: 1}
    # ... and a reset deletes them.
    assert learner.reset().status == 200
    assert rows_of(connect(), name) == {}


@pytest.mark.parametrize(("translated", "schema", "lands_in"), MAPS)
def test_the_map_of_a_sessions_connection_says_so_too(
    connect: Connect, translated: Any, schema: str | None, lands_in: str
) -> None:
    name, engine = new_name(), connect()
    with Session(engine) as session:
        session.connection(execution_options={"schema_translate_map": translated})
        ProgressRepository(session, schema=schema).record_chapter(name, "intro", CHAPTER)
        session.commit()

    assert rows_of(engine, name) == {lands_in: 1}


def test_a_begin_event_with_a_local_search_path_keeps_two_tenants_apart(
    host: Flask, connect: Connect
) -> None:
    # given
    engine, name, tenant = connect(), new_name(), "north"

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {tenant}")

    learner = mounted(host, engine, name)
    # when both tenants have a learner of that name
    assert [answer.status for answer in ask_all(learner)] == [200] * 4
    tenant = "south"
    assert recorded(learner.get()) == 0
    assert recorded(learner.watch(seconds=7)) == 7
    # then
    assert rows_of(connect(), name) == {"north": 1, "south": 1}
    # ... and what one of them resets is its own.
    assert learner.reset().status == 200
    assert rows_of(connect(), name) == {"north": 1}
    tenant = "north"
    assert recorded(learner.get()) == 60


@pytest.fixture(scope="module")
def secured(postgres: Postgres) -> str:
    """The address of a database whose rows are secured, for a role that is not their owner."""
    address = new_database(postgres)
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE tenant LOGIN"))
        for table, policy in POLICIES.items():
            connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
            connection.execute(text(f"CREATE POLICY own ON {table} USING ({policy})"))
            connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tenant"))
    engine.dispose()
    return make_url(address).set(username="tenant").render_as_string(hide_password=False)


def test_row_level_security_by_a_setting_of_the_transaction_holds(
    host: Flask, connect: Connect, secured: str
) -> None:
    # given
    engine, tenant = connect(secured), "north"

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        setting = text("SELECT set_config('app.tenant', :tenant, true)")
        connection.execute(setting, {"tenant": tenant})

    name = f"north:{new_name()}"
    learner = mounted(host, engine, name)
    # when
    answers = ask_all(learner)
    # then
    assert [answer.status for answer in answers] == [200] * 4
    assert answers[-1].body["certificateEarned"] is True
    # ... and another tenant sees nothing of it, and deletes nothing of it.
    tenant = "south"
    assert recorded(learner.get()) == 0
    assert learner.reset().status == 200
    tenant = "north"
    assert recorded(learner.get()) == 60
    assert learner.reset().status == 200
    assert recorded(learner.get()) == 0


def test_a_pool_event_that_leaves_a_transaction_open_is_heeded(
    host: Flask, connect: Connect
) -> None:
    engine, name = connect(), new_name()

    @event.listens_for(engine, "checkout")
    def _(connection: Any, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path TO south")

    learner = mounted(host, engine, name)

    assert [answer.status for answer in ask_all(learner)] == [200] * 4
    assert rows_of(connect(), name) == {"south": 1}


def test_the_hosts_command_migrates_where_the_engine_says_that_tables_are(
    host: Flask, connect: Connect, empty_database: str
) -> None:
    # given one tenant by a map, the other one by an event
    by_map = connect(empty_database).execution_options(schema_translate_map={None: "north"})
    by_event = connect(empty_database)
    event.listen(by_event, "begin", lambda one: one.exec_driver_sql("SET LOCAL search_path=south"))
    with connect(empty_database).begin() as connection:
        connection.execute(text("CREATE SCHEMA south"))
    name = new_name()
    learners = [
        mounted(host, engine, name, name=tenant, url_prefix=f"/{tenant}")
        for tenant, engine in zip(TENANTS, (by_map, by_event), strict=True)
    ]
    # when
    for command in ("migrate", "migrate", "check"):
        ran = host.test_cli_runner().invoke(progress, [command])
        assert ran.exit_code == 0, ran.output
    # then
    for tenant, learner in zip(TENANTS, learners, strict=True):
        assert learner.watch().status == 200
        with connect(empty_database).connect() as connection:
            assert len(connection.scalars(text(TABLES), {"schema": tenant}).all()) == 7
