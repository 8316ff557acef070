"""What becomes of connections whose pool is thrown away while they are used."""

from sqlalchemy import Engine, create_engine, event, text

from progress_api import ProgressRepository
from progress_api.readiness import obstacle
from tests.conftest import new_name
from tests.serving.service import until


def test_a_connection_is_closed_after_its_pool_was_thrown_away_meanwhile(
    database: str, engine: Engine
) -> None:
    pooled = create_engine(database)
    progress = ProgressRepository(pooled)
    event.listen(pooled, "checkout", lambda *_: pooled.dispose())

    progress.get(new_name(), "intro")
    assert obstacle(pooled) is None

    until(lambda: _others(engine) == 0)


def _others(engine: Engine) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())
