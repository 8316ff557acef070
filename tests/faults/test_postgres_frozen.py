"""A server that neither answers nor hangs up, as one does that is stopped or cut off."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from embedded.postgres import Postgres
from progress_api.cli import progress
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, MakeLearner

THREADS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL that this test may stop."""
    with Postgres(tmp_path / "postgres", durable=False) as server:
        yield server
        server.resume()


@pytest.fixture(params=["postgresql+psycopg2:", "postgresql+psycopg:"])
def app(server: Postgres, make_app: MakeApp, request: pytest.FixtureRequest) -> Flask:
    """The service on it, at head."""
    url = server.url().replace("postgresql:", request.param, 1)
    CliRunner().invoke(progress, ["migrate"], env={"DATABASE_URL": url}, catch_exceptions=False)
    return make_app(database_url=url, database_timeout=500, web_threads=THREADS)


def test_all_that_wait_for_a_frozen_postgres_are_answered_and_the_next_is_served(
    server: Postgres, app: Flask, make_learner: MakeLearner
) -> None:
    learners = [make_learner(app) for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        assert [answer.status for answer in threads.map(Learner.watch, learners)] == [200] * THREADS
        server.pause()

        began = time.monotonic()
        frozen = list(threads.map(Learner.watch, learners))
        ready = InProcess(app).send("GET", "/readyz", {}, None)
        waited = time.monotonic() - began

        server.resume()
        thawed = list(threads.map(Learner.watch, learners))

    assert [(answer.status, answer.headers["Retry-After"]) for answer in frozen] == (
        [(503, "1")] * THREADS
    )
    assert ready.status == 503
    assert waited < 20  # without an end of their own they would wait until it thaws
    assert [answer.status for answer in thawed] == [200] * THREADS
