"""A server that neither answers nor hangs up, as one does that is stopped or cut off."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial

import psycopg2
import pytest
from flask import Flask

from embedded.postgres import Postgres
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, MakeLearner, with_scheme
from tests.serving.service import until

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
        until(lambda: all(threads.map(_is_served, learners)))

    assert {answer.status for answer in first} == {200}
    assert {(answer.status, answer.headers["Retry-After"]) for answer in frozen} == {(503, "1")}
    assert ready == [503, 503]
    assert waited < 20  # without an end of their own they would wait until it thaws


def test_once_it_is_known_to_be_silent_nobody_waits_for_a_frozen_postgres(
    postgres: Postgres, apps: list[Flask], make_learner: MakeLearner
) -> None:
    learners = [make_learner(app) for app in apps]
    postgres.pause()
    try:
        first = [learner.watch().status for learner in learners]
        began = time.monotonic()
        others = [learner.watch().status for learner in learners * 8]
        ready = [_readiness(app) for app in apps * 5]
        waited = time.monotonic() - began
    finally:
        postgres.resume()

    assert {*first, *others, *ready} == {503}
    assert waited < 15  # each of 26 would wait for more than a second by itself
    until(lambda: all(map(_is_served, learners)))


def test_a_connection_that_was_hung_up_on_is_in_use_no_longer(
    postgres: Postgres, make_app: MakeApp, make_learner: MakeLearner
) -> None:
    # given
    app = make_app(database_timeout=500, metrics_public=True)
    learner = make_learner(app)
    learner.watch()
    # when
    postgres.pause()
    try:
        frozen = learner.watch()
    finally:
        postgres.resume()
    until(lambda: _is_served(learner))
    # then
    assert frozen.status == 503
    until(lambda: "progress_database_connections_in_use 0.0\n" in _measured(app))


def test_after_one_connection_was_silent_the_others_are_not_tried(
    postgres: Postgres, apps: list[Flask], make_learner: MakeLearner
) -> None:
    for app in apps:
        learners = [make_learner(app) for _ in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(Learner.watch, learners))
        backends = _backends(postgres)
        _signal(backends, signal.SIGSTOP)
        try:
            silent = learners[0].watch()
            began = time.monotonic()
            until(partial(_is_served, learners[0]))
            waited = time.monotonic() - began
        finally:
            _signal(backends, signal.SIGCONT)

        assert silent.status == 503
        assert waited < 3 * 0.8  # what the other three would be waited for, one after the other


def _backends(postgres: Postgres) -> list[int]:
    """The processes of PostgreSQL that wait for the next statement of a service."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'progress-api'"
    with closing(psycopg2.connect(postgres.url())) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return [pid for (pid,) in cursor.fetchall()]


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # one of an earlier test may just be ending
            os.kill(process, number)


def _is_served(learner: Learner) -> bool:
    return learner.watch().status == 200


def _measured(app: Flask) -> str:
    return app.test_client().get("/metrics").get_data(as_text=True)


def _readiness(app: Flask) -> int:
    return InProcess(app).send("GET", "/readyz", {}, None).status
