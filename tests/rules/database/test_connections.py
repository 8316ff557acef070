"""Connections whose pool is thrown away while they are used, and requests that wait for one."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import Engine, create_engine, event, text

from progress_api import ProgressRepository
from progress_api.schema.readiness import readiness_error
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, new_name, with_scheme
from tests.serving.service import until

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def test_a_connection_is_closed_after_its_pool_was_thrown_away_meanwhile(
    database: str, engine: Engine
) -> None:
    pooled = create_engine(database)
    progress = ProgressRepository(pooled)
    event.listen(pooled, "checkout", lambda *_: pooled.dispose())

    progress.get(new_name(), "intro")
    assert readiness_error(pooled) is None

    until(lambda: _others(engine) == 0)


def _others(engine: Engine) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return _counted(engine, query)


def _counted(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


@pytest.mark.parametrize("scheme", ["postgresql+psycopg2", "postgresql+psycopg"])
def test_outdated_plans_are_never_noticed_and_the_pool_is_kept(
    make_app: MakeApp, database: str, engine: Engine, scheme: str
) -> None:
    # given two connections on which a statement is prepared, as psycopg 3 does after some uses
    app = make_app(database_url=with_scheme(database, scheme))
    ada = Learner(InProcess(app), "ada")
    with app.app_context():
        pooled = app.extensions["sqlalchemy"].engine
    with pooled.connect(), pooled.connect():
        pool = pooled.pool
    for _ in range(20):
        ada.get()
    # when
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE tutorial_progress ALTER total_watch_time TYPE bigint"))
    # then
    assert [ada.get().status for _ in range(3)] == [200] * 3
    assert pooled.pool is pool  # a thread that waits at a pool which is thrown away waits in vain


def test_a_request_waits_for_a_connection_as_long_as_for_a_statement(
    make_app: MakeApp, shared_engine: Engine
) -> None:
    # given a service with one connection, and a timeout that is no whole number of seconds
    app = make_app(web_threads=1, database_timeout=999)
    busy, *others = (Learner(InProcess(app), new_name()) for _ in range(4))
    busy.watch()
    lock = text("SELECT FROM tutorial_progress WHERE user_id = :name FOR UPDATE")
    with ThreadPoolExecutor(4) as threads:
        # when one request has the connection and waits for a lock
        with shared_engine.begin() as holder:
            holder.execute(lock, {"name": busy.name})
            answers = [threads.submit(busy.watch)]
            until(lambda: _counted(shared_engine, WAITING))
            answers += [threads.submit(other.get) for other in others]
            wait(answers, timeout=0.1)  # a request that is refused at once is refused by then
        # then the others are served after it
        assert [answer.result().status for answer in answers] == [200] * 4
