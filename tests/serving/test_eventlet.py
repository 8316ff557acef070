"""The service answers under eventlet, which lets many requests of one thread wait at once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sqlalchemy import Engine, create_engine, text

from embedded.gunicorn import without_settings
from embedded.local import ROOT
from embedded.ports import free_port
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from tests.client import Learner, OverTheWire
from tests.conftest import new_database, new_name
from tests.endpoints.identity.keys import key_server, new_key_pair
from tests.serving.service import until

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
NewLearner = Callable[[], Learner]


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """The address of a database that nothing else connects to."""
    return new_database(postgres)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """To end connections, as an operator does."""
    engine = create_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def green(database: str, valkey: Valkey) -> Iterator[NewLearner]:
    """Make a learner of a service that eventlet serves and that fetches its keys."""
    pair, url = new_key_pair("ES256"), f"http://127.0.0.1:{free_port()}"
    with key_server() as keys:
        keys.publish(one=pair)
        settings = {
            "DATABASE_URL": database,
            "JWT_ALGORITHM": "ES256",
            "JWT_JWKS_URL": keys.url,
            "RATELIMIT_STORAGE_URI": valkey.url,
        }
        command = [sys.executable, "-m", "tests.serving.green", url.rpartition(":")[2]]
        environment = without_settings(os.environ) | settings

        def learner() -> Learner:
            name = new_name()
            signed = {"Authorization": f"Bearer {pair.sign(name, 'one')}"}
            return Learner(OverTheWire(url), name, headers=signed)

        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            try:
                until(lambda: _status(f"{url}/readyz") == 200)
                yield learner
            finally:
                process.kill()


def test_every_endpoint_answers(green: NewLearner) -> None:
    learner = green()

    answers = [
        learner.watch(completed=True, totalChapters=1),
        learner.answer_quiz(),
        learner.complete(),
        learner.get(),
        learner.reset(),
    ]

    assert [answer.status for answer in answers] == [200] * 5


def test_writers_at_once_count_exactly(green: NewLearner) -> None:
    learner = green()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: learner.watch(f"chapter-{n}", 1), range(20)))

    assert learner.progress()["totalWatchTime"] == 20


def test_connections_that_postgres_closed_are_never_noticed(
    green: NewLearner, engine: Engine
) -> None:
    learners = [green() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Learner.watch, learners))
        with engine.connect() as operator:
            operator.execute(text(f"SELECT pg_terminate_backend(pid, 5000) {OTHERS}"))
        answers = list(threads.map(Learner.get, learners))

    assert {answer.status for answer in answers} == {200}


def _status(url: str) -> int:
    try:
        return requests.get(url, timeout=10).status_code
    except requests.ConnectionError:
        return 0
