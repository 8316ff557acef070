"""A PgBouncer in transaction mode, and services behind it in each way that they may travel."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine

from embedded.postgres import Postgres
from progress_api import ProgressAPI, Settings, create_app
from tests.client import SECRET
from tests.conftest import TEMPLATE, with_scheme
from tests.pooler.pgbouncer import PgBouncer

DATABASE, ROLE = "pooled", "progress"
# What nobody is to rely on, for the role of the service has other settings.
UNFIT = {"default_transaction_isolation": "'serializable'", "timezone": "'Asia/Tokyo'"}

MakeService = Callable[..., Flask]
StartPooler = Callable[[int], PgBouncer]


@dataclass(frozen=True)
class Way:
    """How statements travel to PostgreSQL through the pooler."""

    scheme: str
    one_trip: bool = False
    hosted: bool = False

    def settings(self, url: str) -> dict[str, Any]:
        """What a service is given to travel this way."""
        address = with_scheme(url, self.scheme)
        return {"database_url": address, "database_one_trip": self.one_trip}


WAYS = {
    "psycopg2": Way("postgresql+psycopg2"),
    "psycopg-3": Way("postgresql+psycopg"),
    "psycopg-3-by-default": Way("postgresql+psycopg", one_trip=True),
    "psycopg2-of-a-host": Way("postgresql+psycopg2", hosted=True),
    "psycopg-3-of-a-host": Way("postgresql+psycopg", hosted=True),
}


@pytest.fixture(scope="session")
def pooled(postgres: Postgres, root: Path) -> str:
    """The address of a database at head, in PostgreSQL itself, for its superuser."""
    postgres.create_database(DATABASE, TEMPLATE)
    documented = (root / "docs/database.md").read_text()
    address = postgres.url(DATABASE)
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE ROLE {ROLE} LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        for name, value in UNFIT.items():
            cursor.execute(f"ALTER DATABASE {DATABASE} SET {name} = {value}")
        for statement in re.findall(r"^ALTER ROLE progress .*;$", documented, re.MULTILINE):
            cursor.execute(statement)
    return address


@pytest.fixture(scope="session")
def start_pooler(
    postgres: Postgres, pooled: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartPooler]:
    """Start a PgBouncer that keeps so many connections to the database."""
    assert pooled
    with ExitStack() as running:

        def start(connections: int) -> PgBouncer:
            directory = tmp_path_factory.mktemp("pgbouncer")
            pooler = PgBouncer(directory, postgres, DATABASE, ROLE, connections)
            return running.enter_context(pooler)

        yield start


@pytest.fixture(scope="session")
def pooler(start_pooler: StartPooler) -> PgBouncer:
    """A PgBouncer that is there for all tests."""
    return start_pooler(4)


@pytest.fixture(params=list(WAYS.values()), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    """Each way in turn."""
    chosen: Way = request.param
    return chosen


@pytest.fixture
def make_service(pooler: PgBouncer, way: Way) -> Iterator[MakeService]:
    """Make a service with one connection to a pooler."""
    with ExitStack() as engines:

        def make(behind: PgBouncer = pooler) -> Flask:
            app, engine = (_host if way.hosted else _service)(way.settings(behind.url))
            engines.callback(engine.dispose)
            return app

        yield make


def _service(given: dict[str, Any]) -> tuple[Flask, Engine]:
    settings = Settings(jwt_secret_key=SECRET, ratelimit_enabled=False, web_threads=1, **given)
    app = create_app(settings)
    with app.app_context():
        return app, app.extensions["sqlalchemy"].engine


def _host(given: dict[str, Any]) -> tuple[Flask, Engine]:
    app = Flask("host")
    engine = create_engine(given["database_url"], pool_size=1, max_overflow=0)
    settings = Settings(jwt_secret_key=SECRET, ratelimit_enabled=False, **given)
    ProgressAPI(app, engine=engine, settings=settings)
    return app, engine
