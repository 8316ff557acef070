"""`deploy/compose/database.sql`, run by psql as the image of PostgreSQL runs it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from embedded.postgres import Postgres
from progress_api.schema.migrate import upgrade
from tests.conftest import with_scheme

PASSWORD = """it's "safe\\' $HOME :quoted;"""


@pytest.fixture(scope="module")
def created(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A new server with the service's role and database, which it asks for a password."""
    with Postgres(tmp_path_factory.mktemp("new"), durable=False) as server:
        _psql(server, "--command=DROP DATABASE progress", "--command=ALTER ROLE app PASSWORD 'a'")
        _psql(server, f"--file={root / 'deploy/compose/database.sql'}")
        asking = "local all app trust\nlocal all all scram-sha-256\n"
        (server.data / "pg_hba.conf").write_text(asking)
        _psql(server, "--command=SELECT pg_reload_conf()")
        yield server


def test_the_service_migrates_its_own_database_with_its_password(created: Postgres) -> None:
    address = with_scheme(created.url()).replace("app@", f"progress:{quote(PASSWORD)}@")
    engine = create_engine(address, poolclass=NullPool)

    upgrade(engine)

    with engine.connect() as connection:
        (owner,) = connection.scalars(
            text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        )
    assert (make_url(address).username, owner) == ("progress", "progress")


def test_the_role_of_the_service_may_do_nothing_else_and_no_superuser_has_a_password(
    created: Postgres,
) -> None:
    roles = _psql(
        created,
        "--tuples-only",
        "--no-align",
        "--command=SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication,"
        " rolpassword IS NOT NULL FROM pg_authid WHERE rolcanlogin ORDER BY rolname",
    )

    assert roles.split() == ["app|t|t|t|t|f", "progress|f|f|f|f|t"]


def _psql(server: Postgres, *arguments: str) -> str:
    options = ("--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1")
    return subprocess.run(
        [server.executable.with_name("psql"), *options, *arguments, server.url("postgres")],
        env=os.environ | {"POSTGRES_PASSWORD": PASSWORD},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
