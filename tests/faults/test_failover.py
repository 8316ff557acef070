"""Two servers in DATABASE_URL, of which one at a time accepts writes."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from sqlalchemy import NullPool, create_engine

from embedded.postgres import Postgres, Standby
from progress_api.schema.migrate import upgrade
from tests.conftest import MakeApp, MakeLearner, with_scheme
from tests.serving.service import until


def _make_read_only(server: Postgres) -> None:
    _execute(server, "ALTER SYSTEM SET default_transaction_read_only = on")
    _execute(server, "SELECT pg_reload_conf()")


@pytest.mark.parametrize("fault", [_make_read_only, Postgres.kill])
def test_the_first_write_after_a_failover_goes_to_the_server_that_accepts_it(
    make_app: MakeApp,
    make_learner: MakeLearner,
    tmp_path: Path,
    fault: Callable[[Postgres], None],
) -> None:
    settings = {"max_connections": "100"}
    with (
        Postgres(tmp_path / "one", durable=False, settings=settings) as one,
        Standby(tmp_path / "two", one) as two,
    ):
        upgrade(create_engine(with_scheme(one.url()), poolclass=NullPool))
        hosts = ",".join(map(_host, (one, two)))
        address = with_scheme(f"://app@{hosts}/progress?target_session_attrs=read-write")
        early, late = (make_learner(make_app(database_url=address)) for _ in range(2))
        assert {learner.watch("first").status for learner in (early, late)} == {200}
        # Without synchronous_standby_names the standby has them a moment later.
        until(lambda: _execute(two, "SELECT FROM chapter_progress") == 2)

        fault(one)
        refused = early.watch("second")
        _execute(two, "SELECT pg_promote()")
        written = [learner.watch("third") for learner in (early, late)]

        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert [answer.status for answer in written] == [200, 200]
        for answer in written:
            chapters = [entry["chapterId"] for entry in answer.body["chapterProgress"]]
            assert chapters == ["first", "third"]


def _host(server: Postgres) -> str:
    parameters = parse_dsn(server.url())
    return f"{quote(parameters['host'], safe='')}:{parameters['port']}"


def _execute(server: Postgres, statement: str) -> int:
    """Execute a statement as an operator, and return the number of rows."""
    with closing(psycopg2.connect(server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.rowcount
