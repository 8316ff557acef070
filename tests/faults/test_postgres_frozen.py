"""A server that neither answers nor hangs up, as one does that is stopped or cut off."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from embedded.postgres import Postgres
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, MakeLearner, with_scheme

THREADS = 4


@pytest.fixture
def apps(shared_database: str, make_app: MakeApp) -> list[Flask]:
    """The service with either driver."""
    schemes = ("postgresql+psycopg2", "postgresql+psycopg")
    urls = [with_scheme(shared_database, scheme) for scheme in schemes]
    return [make_app(database_url=url, database_timeout=500, web_threads=THREADS) for url in urls]


def test_all_that_wait_for_a_frozen_postgres_are_answered_and_the_next_is_served(
    postgres: Postgres, apps: list[Flask], make_learner: MakeLearner
) -> None:
    learners = [make_learner(app) for app in apps for _ in range(THREADS)]
    with ThreadPoolExecutor(len(learners)) as threads:
        first = list(threads.map(Learner.watch, learners))
        postgres.pause()
        try:
            began = time.monotonic()
            frozen = list(threads.map(Learner.watch, learners))
            ready = list(threads.map(_readiness, apps))
            waited = time.monotonic() - began
        finally:
            postgres.resume()
        thawed = list(threads.map(Learner.watch, learners))

    assert {answer.status for answer in (*first, *thawed)} == {200}
    assert {(answer.status, answer.headers["Retry-After"]) for answer in frozen} == {(503, "1")}
    assert ready == [503, 503]
    assert waited < 20  # without an end of their own they would wait until it thaws


def _readiness(app: Flask) -> int:
    return InProcess(app).send("GET", "/readyz", {}, None).status
