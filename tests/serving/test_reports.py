"""Reports take no thread from learners (spec 15.8)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from time import monotonic

import pytest
from sqlalchemy import create_engine, text

from embedded.postgres import Postgres
from tests.client import PREFIX, Learner, token
from tests.conftest import new_database
from tests.serving.service import Serve, Service, until


@pytest.fixture
def reports_database(postgres: Postgres) -> str:
    """A second database, for reports alone, so that a test can make only them slow."""
    return new_database(postgres)


@pytest.fixture
def service(serve: Serve, reports_database: str) -> Service:
    """One worker with four threads."""
    return serve(WEB_CONCURRENCY=1, WEB_THREADS=4, REPORT_DATABASE_URL=reports_database)


@contextmanager
def slow_reports(database: str) -> Iterator[None]:
    """Let every report wait until the end of this block."""
    engine = create_engine(database)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("LOCK TABLE tutorial_progress IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


def test_eight_reports_leave_the_threads_to_a_player(
    service: Service, reports_database: str
) -> None:
    player = service.learner()
    teachers = [_teacher(service) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        with slow_reports(reports_database):
            waiting = [pool.submit(one.send, "GET", "/report") for one in teachers]
            until(lambda: sum(one.done() for one in waiting) == 7)
            began = monotonic()
            posts = [player.watch("one", second).status for second in range(20)]
            seconds = monotonic() - began
        answers = [one.result() for one in waiting]

    assert posts == [200] * 20
    assert seconds < 10
    assert sorted(one.status for one in answers) == [200] + [503] * 7
    assert {one.headers["Retry-After"] for one in answers if one.status == 503} == {"6"}
    assert teachers[0].send("GET", "/report").status == 200


@contextmanager
def spreadsheet(service: Service) -> Iterator[HTTPResponse]:
    """Ask for all learners as a table, and read its first line; hang up at the end."""
    teacher = _teacher(service)
    headers = {**teacher.headers, "Accept": "text/csv"}
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET", f"{PREFIX}/{teacher.tutorial}/learners", headers=headers)
    response = connection.getresponse()
    try:
        assert response.readline().startswith(b"userId,")
        yield response
    finally:
        response.close()
        connection.close()


@pytest.fixture
def crowd(reports_database: str) -> int:
    """So many learners that their table does not fit into the buffers of a connection."""
    engine = create_engine(reports_database)
    add = text(
        "INSERT INTO tutorial_progress (tutorial_id, user_id) "
        "SELECT 'intro', repeat('x', 200) || number FROM generate_series(1, 50000) number"
    )
    with engine.begin() as connection:
        connection.execute(add)
    engine.dispose()
    return 50_000


def test_a_table_is_whole_and_keeps_others_waiting_until_it_is_read(
    service: Service, crowd: int
) -> None:
    teacher = _teacher(service)
    with spreadsheet(service) as response:
        assert teacher.send("GET", "/report").status == 503
        assert len(response.read().splitlines()) == crowd
    assert teacher.send("GET", "/report").status == 200


@pytest.mark.usefixtures("crowd")
def test_a_client_that_hangs_up_in_the_middle_of_a_table_ends_its_turn(service: Service) -> None:
    with spreadsheet(service):
        pass
    until(lambda: _teacher(service).send("GET", "/report").status == 200)


@pytest.mark.usefixtures("crowd")
def test_a_table_that_takes_too_long_is_cut_off(serve: Serve, reports_database: str) -> None:
    service = serve(
        WEB_CONCURRENCY=1, WEB_THREADS=4, REPORT_DATABASE_URL=reports_database, REPORT_TIMEOUT=1
    )
    with (
        spreadsheet(service) as response,
        slow_reports(reports_database),
        pytest.raises(IncompleteRead),
    ):
        response.read()
    until(lambda: _teacher(service).send("GET", "/report").status == 200)
    errors = [str(one) for one in service.lines() if one["level"] == "ERROR"]
    assert any("DatabaseUnavailable" in one for one in errors), errors


def _teacher(service: Service) -> Learner:
    learner = service.learner()
    authorization = f"Bearer {token(learner.name, scope='progress:report')}"
    return replace(learner, headers={"Authorization": authorization})
