"""Real servers for the tests, started once for each test process, and services on them."""

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, NullPool, create_engine

from embedded.postgres import Postgres
from embedded.valkey import Valkey
from progress_api import Settings, create_app
from progress_api.schema.migrate import upgrade
from tests.client import SECRET, Held, InProcess, Learner

TEMPLATE = "migrated"
# How every address of the tests begins, where a test is not about one driver.
SCHEME = f"postgresql+{os.environ.get('DRIVER') or 'psycopg2'}"
_numbers = itertools.count(1)

MakeApp = Callable[..., Flask]
MakeLearner = Callable[..., Learner]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL, with one database that is migrated to be copied."""
    settings = {"shared_preload_libraries": "pg_stat_statements", "max_connections": "1000"}
    directory = tmp_path_factory.mktemp("postgres")
    with Postgres(directory, durable=False, settings=settings) as server:
        server.create_database(TEMPLATE)
        engine = create_engine(with_scheme(server.url(TEMPLATE)), poolclass=NullPool)
        upgrade(engine)
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Valkey, empty at first."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def empty_database(postgres: Postgres) -> str:
    """The address of a new database without any table."""
    return new_database(postgres, None)


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The address of a new database at head."""
    return new_database(postgres)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """To look at the new database with SQL."""
    engine = create_engine(database, poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres) -> str:
    """The address of a database at head that tests share, each with learners of its own."""
    return new_database(postgres)


@pytest.fixture(scope="session")
def make_app(shared_database: str) -> Iterator[MakeApp]:
    """Make a service; settings as in `Settings`, without limits where not given."""
    apps: list[Flask] = []

    def make(**settings: Any) -> Flask:
        given: dict[str, Any] = {
            "database_url": shared_database,
            "jwt_secret_key": SECRET,
            "ratelimit_enabled": False,
        }
        apps.append(create_app(Settings(**given | settings)))
        apps[-1].test_client_class = Held
        return apps[-1]

    yield make
    for app in apps:
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture(scope="session")
def service(make_app: MakeApp) -> Flask:
    """The service with the contract's settings, but for the limits."""
    return make_app()


@pytest.fixture
def make_learner(service: Flask) -> MakeLearner:
    """Make a learner that nobody has heard of, on the shared service or on another app."""

    def make(app: Flask | None = None, **fields: Any) -> Learner:
        fields.setdefault("name", new_name())
        return Learner(InProcess(app or service), **fields)

    return make


@pytest.fixture
def learner(make_learner: MakeLearner) -> Learner:
    """A learner that nobody has heard of."""
    return make_learner()


def new_name() -> str:
    """A name that no other test uses."""
    return f"learner-{os.getpid()}-{next(_numbers)}-{secrets.token_hex(4)}"


def new_database(server: Postgres, template: str | None = TEMPLATE) -> str:
    """The address of a new database, at head or without any table."""
    name = f"test_{next(_numbers)}"
    server.create_database(name, template)
    return with_scheme(server.url(name))


def with_scheme(address: str, scheme: str = SCHEME) -> str:
    """The address of the same database that names another driver, or none."""
    return f"{scheme}://{address.partition('://')[2]}"


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return Path(__file__).parent.parent
