"""Reports take no thread from learners (spec 15.8)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

import pytest
from sqlalchemy import create_engine, text

from embedded.postgres import Postgres
from tests.client import Learner, token
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
    assert {one.headers["Retry-After"] for one in answers if one.status == 503} == {"1"}
    assert teachers[0].send("GET", "/report").status == 200


def _teacher(service: Service) -> Learner:
    learner = service.learner()
    authorization = f"Bearer {token(learner.name, scope='progress:report')}"
    return replace(learner, headers={"Authorization": authorization})
