"""A service on a PostgreSQL and a Valkey of its own, for tests that break them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from sqlalchemy import NullPool, create_engine

from embedded.postgres import Postgres
from embedded.valkey import Valkey
from progress_api.schema.migrate import upgrade
from tests.conftest import with_scheme
from tests.serving.service import Service, Wire, until

TIMEOUT_SECONDS = 0.8
_CONNECTIONS = 8  # two workers with four threads each


@dataclass
class Site:
    """The service and what it depends on."""

    postgres: Postgres
    valkey: Valkey
    service: Service

    def sql(self, statement: str, *values: object) -> Any:
        """Run a statement as an operator would; return its first row."""
        with closing(psycopg2.connect(self.operator)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchone() if cursor.description else None

    @property
    def operator(self) -> str:
        """The address of the database for its superuser, who writes whatever the default is."""
        options = "-c%20default_transaction_read_only%3Doff"
        return f"{self.postgres.url('site')}&options={options}"

    def connections(self) -> int:
        """How many connections the service has."""
        counted = self.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'progress-api'"
        )
        return int(counted[0])

    def fill_pools(self) -> None:
        """Have each thread of each worker connect, and prepare its statements."""
        until(lambda: self._burst() and self.connections() == _CONNECTIONS)

    def _burst(self) -> bool:
        # More than one worker takes, so that the other one has enough of them.
        learners = [self.service.learner() for _ in range(3 * _CONNECTIONS)]
        patience = time.monotonic() + TIMEOUT_SECONDS / 2
        with (
            closing(psycopg2.connect(self.operator)) as connection,
            connection.cursor() as cursor,
            ThreadPoolExecutor(len(learners)) as pool,
        ):
            cursor.execute("LOCK TABLE tutorial_progress IN EXCLUSIVE MODE")
            waiting = [pool.submit(learner.watch) for learner in learners]
            until(lambda: self._waiting() >= _CONNECTIONS or time.monotonic() > patience)
            connection.rollback()
            return all(answer.result().status == 200 for answer in waiting)

    def _waiting(self) -> int:
        return int(self.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0])

    def end_connections(self) -> None:
        """End every connection of the service, as an operator or a failover does."""
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'progress-api'"
        )
        until(lambda: self.connections() == 0)


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, running."""
    # A killed server's writes are in the system's cache already: nothing else must be waited for.
    committed = {"synchronous_commit": "on"}
    directory = tmp_path_factory.mktemp("postgres")
    with (
        Postgres(directory, durable=False, settings=committed) as postgres,
        Valkey(tmp_path_factory.mktemp("valkey")) as valkey,
    ):
        postgres.create_database("site")
        address = with_scheme(postgres.url("site").replace("app@", "service@"))
        service = Service(
            tmp_path_factory.mktemp("service"),
            DATABASE_URL=address,
            DATABASE_TIMEOUT=int(TIMEOUT_SECONDS * 1000),
            RATELIMIT_STORAGE_URI=valkey.url,
            CORS_ORIGINS="https://app.example",
        )
        site = Site(postgres, valkey, service)
        site.sql("CREATE ROLE service LOGIN")
        site.sql("ALTER DATABASE site OWNER TO service")
        engine = create_engine(address, poolclass=NullPool)
        upgrade(engine)
        with service:
            yield site


@pytest.fixture
def site(built: Site) -> Iterator[Site]:
    """The site, which is whole again after each test, with new connections."""
    yield built
    built.end_connections()
    until(lambda: Wire(built.service).send("GET", "/readyz").status == 200)
