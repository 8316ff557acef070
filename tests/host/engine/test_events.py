"""Events, logs and isolation levels of a host's engine hold for our statements too."""

from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask, Response
from flask_sqlalchemy.record_queries import get_recorded_queries
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Session

from progress_api import ProgressAPI, ProgressRepository
from progress_api.cli import progress
from progress_api.schema.migrate import upgrade
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, new_name
from tests.host.conftest import learner_of, with_database
from tests.host.engine.conftest import CHAPTER, Connect, ask_all, mounted, rows_of

SEEN = (
    "engine_connect",
    "begin",
    "before_cursor_execute",
    "after_cursor_execute",
    "handle_error",
    "commit",
    "rollback",
)


def test_each_statement_is_seen_by_events_that_a_host_adds_at_any_time(
    host: Flask, connect: Connect
) -> None:
    # given listeners that are added after the mount
    engine, seen = connect(), Counter[str]()
    learner = mounted(host, engine, new_name())
    for name in SEEN:
        event.listen(engine, name, lambda *_, name=name: seen.update([name]))
    # then
    for ask, statements in (
        (learner.get, 1),
        (learner.watch, 3),
        (learner.answer_quiz, 4),
        (learner.reset, 1),
    ):
        seen.clear()
        assert ask().status == 200
        assert seen["before_cursor_execute"] == seen["after_cursor_execute"] == statements
        assert seen["engine_connect"] == seen["begin"] == seen["commit"] == 1
    # ... and so is a failure.
    seen.clear()
    with connect().begin() as holder:
        holder.execute(text("LOCK TABLE public.tutorial_progress"))
        event.listen(engine, "begin", lambda one: one.exec_driver_sql("SET LOCAL lock_timeout=50"))
        assert learner.watch().status == 503
    assert seen["handle_error"] == seen["rollback"] == 1
    assert seen["commit"] == 0


def test_a_listener_for_all_engines_sees_each_statement_too(host: Flask, connect: Connect) -> None:
    seen: list[str] = []

    def look(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    learner = mounted(host, connect(), new_name())
    event.listen(Engine, "before_cursor_execute", look)
    try:
        assert learner.watch().status == 200
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert sum("tutorial_progress" in statement for statement in seen) == 3


def test_the_queries_that_flask_sqlalchemy_records_and_echoes_are_ours_too(
    host: Flask, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    host.config |= {"SQLALCHEMY_RECORD_QUERIES": True, "SQLALCHEMY_ECHO": True}
    recorded_queries: list[str] = []
    with_database(host, str(connect().url.render_as_string(hide_password=False)))
    ProgressAPI(host, learner=new_name)

    @host.after_request
    def _(response: Response) -> Response:
        recorded_queries.extend(query.statement or "" for query in get_recorded_queries())
        return response

    # when
    answer = learner_of(host).watch()
    # then
    assert answer.status == 200
    for queries in (recorded_queries, caplog.messages):
        assert sum(query.startswith("INSERT INTO chapter_progress") for query in queries) == 1


XMINS = (
    "SELECT xmin::text FROM tutorial_progress WHERE user_id = :name UNION SELECT c.xmin::text"
    " FROM chapter_progress c JOIN tutorial_progress t ON t.id = progress_id"
    " WHERE t.user_id = :name"
)
LEVELS = ("AUTOCOMMIT", "READ COMMITTED", "SERIALIZABLE")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("is_derived", [False, True])
def test_each_unit_is_one_transaction_at_the_isolation_level_of_the_host(
    connect: Connect, level: str, *, is_derived: bool
) -> None:
    # given
    engine = connect(isolation_level=None if is_derived else level)
    if is_derived:
        engine = engine.execution_options(isolation_level=level)
    name, levels = new_name(), list[str]()

    @event.listens_for(engine, "commit")
    def _(connection: Connection) -> None:
        shown = connection.exec_driver_sql("SHOW transaction_isolation")
        levels.append(shown.scalar_one().upper())

    # when
    ProgressRepository(engine).record_chapter(name, "intro", CHAPTER)
    # then
    with connect().connect() as connection:
        assert len(connection.scalars(text(XMINS), {"name": name}).all()) == 1
    assert levels == ["READ COMMITTED" if level == "AUTOCOMMIT" else level]


@pytest.mark.parametrize("level", LEVELS)
def test_each_unit_on_a_session_is_one_transaction_too(connect: Connect, level: str) -> None:
    name = new_name()
    with Session(connect(isolation_level=level)) as session:
        ProgressRepository(session).record_chapter(name, "intro", CHAPTER)
        session.commit()

    with connect().connect() as connection:
        assert len(connection.scalars(text(XMINS), {"name": name}).all()) == 1


def choose_north(connection: Connection) -> None:
    connection.exec_driver_sql("SET search_path TO north")


def choose_north_and_commit(connection: Connection) -> None:
    choose_north(connection)
    connection.commit()


def choose_north_until_the_end(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL search_path TO north")


@pytest.mark.parametrize("choose", [choose_north, choose_north_until_the_end])
@pytest.mark.parametrize("level", [None, "SERIALIZABLE"])
def test_a_transaction_that_an_event_of_the_host_has_begun_is_used_and_committed(
    host: Flask, connect: Connect, choose: Callable[[Connection], None], level: str | None
) -> None:
    # given
    engine, name = connect(isolation_level=level, pool_size=1, max_overflow=0), new_name()
    event.listen(engine, "engine_connect", choose)
    learner = mounted(host, engine, name)
    # when
    answers = ask_all(learner)
    # then
    assert [answer.status for answer in answers] == [200] * 4
    assert rows_of(connect(), name) == {"north": 1}
    # ... and a failure leaves nothing.
    with connect().begin() as holder:
        holder.execute(text("LOCK TABLE north.tutorial_progress"))
        event.listen(engine, "begin", lambda one: one.exec_driver_sql("SET LOCAL lock_timeout=50"))
        assert learner.watch("two").status == 503
    assert learner.reset().status == 200
    assert learner.get().body["chapterProgress"] == []


def test_a_statement_of_an_event_in_autocommit_is_no_transaction(
    host: Flask, connect: Connect
) -> None:
    engine, name = connect(isolation_level="AUTOCOMMIT"), new_name()
    event.listen(engine, "engine_connect", choose_north)

    answers = ask_all(mounted(host, engine, name))

    assert [answer.status for answer in answers] == [200] * 4
    assert rows_of(connect(), name) == {"north": 1}


@pytest.mark.parametrize("choose", [choose_north, choose_north_and_commit])
@pytest.mark.parametrize("command", ["check", "migrate"])
def test_the_commands_work_with_an_engine_whose_event_begins_a_transaction(
    host: Flask,
    connect: Connect,
    empty_database: str,
    choose: Callable[[Connection], None],
    command: str,
) -> None:
    # given tables that only the event's search path leads to
    upgrade(connect(empty_database), "north")
    engine = connect(empty_database)
    event.listen(engine, "engine_connect", choose)
    mounted(host, engine, new_name())

    result = host.test_cli_runner().invoke(progress, [command])

    assert result.exit_code == 0, result.output


def test_a_listener_for_all_engines_that_begins_a_transaction_disturbs_nothing(
    make_app: MakeApp, connect: Connect
) -> None:
    # given the service on its own, on either driver
    url = connect().url.render_as_string(hide_password=False)
    event.listen(Engine, "engine_connect", choose_north)
    try:
        for one_trip in (True, False):
            app, name = make_app(database_url=url, database_one_trip=one_trip), new_name()
            learner = Learner(InProcess(app), name)
            # when
            answers = [*ask_all(learner), learner.reset(), learner.get()]
            # then
            assert [answer.status for answer in answers] == [200] * 6
            assert app.test_client().get("/readyz").status_code == 200
    finally:
        event.remove(Engine, "engine_connect", choose_north)


@pytest.mark.parametrize("choose", [choose_north, choose_north_and_commit])
def test_a_connection_that_the_server_closed_is_replaced_by_one_that_the_host_has_set_up(
    host: Flask, connect: Connect, choose: Callable[[Connection], None]
) -> None:
    # given events that use a connection before we do
    engine, name = connect(pool_size=2), new_name()
    event.listen(engine, "engine_connect", choose)
    learner = mounted(host, engine, name)
    with engine.connect() as one, engine.connect() as other:
        processes = [c.exec_driver_sql("SELECT pg_backend_pid()").scalar() for c in (one, other)]
    # when
    with connect().connect() as operator:
        for process in processes:
            operator.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": process})
    # then
    assert [learner.watch().status for _ in range(2)] == [200] * 2
    assert rows_of(connect(), name) == {"north": 1}
