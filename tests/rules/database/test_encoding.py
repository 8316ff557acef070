"""A database that is not in UTF-8 cannot hold what an id may hold."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import NullPool, create_engine

from embedded.postgres import Postgres
from progress_api.exceptions import MigrationFailed
from progress_api.schema.migrate import check, upgrade
from tests.client import Learner
from tests.conftest import MakeLearner, new_name
from tests.rules.conftest import MakeService

GUIDE = (Path(__file__).parents[2] / "migrations" / "guide.sql").read_text()
KEYS = """
    CREATE TABLE quiz_attempt_keys (
        quiz_score_id UUID REFERENCES quiz_scores(id) ON DELETE CASCADE,
        attempt_key UUID, PRIMARY KEY (quiz_score_id, attempt_key));
    ALTER TABLE tutorial_progress ADD last_chapter_id VARCHAR(255),
        ADD counted_at TIMESTAMP, ADD outline_updated_at TIMESTAMP;
    ALTER TABLE chapter_progress ADD user_id VARCHAR(255), ADD recorded_at TIMESTAMP,
        ADD completed_recorded_at TIMESTAMP;
    ALTER TABLE quiz_scores ADD user_id VARCHAR(255);
    ALTER TABLE quiz_attempt_keys ADD user_id VARCHAR(255);
    CREATE TABLE tutorial_outlines (
        tutorial_id VARCHAR(255) PRIMARY KEY, chapter_ids VARCHAR(255)[], quiz_ids VARCHAR(255)[],
        certificate_percentage INTEGER, title VARCHAR(500), details JSON, updated_at TIMESTAMP)"""

Encoded = Callable[[str], str]


@pytest.fixture
def encoded(postgres: Postgres) -> Encoded:
    """Make a database in some encoding that holds the tables; return its address."""

    def make(encoding: str) -> str:
        name = new_name()
        with closing(psycopg2.connect(postgres.url("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute(
                f"""CREATE DATABASE "{name}" ENCODING '{encoding}' TEMPLATE template0"""
            )
        engine = create_engine(
            postgres.url(name).replace("postgresql:", "postgresql+psycopg2:"), poolclass=NullPool
        )
        with engine.begin() as connection:
            connection.exec_driver_sql(GUIDE + KEYS)
        return engine.url.render_as_string()

    return make


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_such_a_database_is_refused_by_a_migration(encoded: Encoded, encoding: str) -> None:
    engine = create_engine(encoded(encoding), poolclass=NullPool)

    for act in (upgrade, check):
        with pytest.raises(MigrationFailed) as refused:
            act(engine)
        assert encoding in refused.value.detail
        assert "UTF8" in refused.value.detail


@pytest.mark.parametrize(("encoding", "name"), [("LATIN1", "😀"), ("SQL_ASCII", "é" * 255)])
def test_what_such_a_database_cannot_hold_is_503(
    make_learner: MakeLearner,
    make_service: MakeService,
    encoded: Encoded,
    encoding: str,
    name: str,
) -> None:
    # given a database that was migrated nevertheless
    learner = make_learner(make_service(encoded(encoding), web_threads=1))
    of_others = Learner(learner.transport, learner.name, tutorial=name)
    # when
    answer = of_others.watch()
    # then
    assert (answer.status, answer.body["error"]) == (503, "Service unavailable")
    assert learner.watch().status == 200
