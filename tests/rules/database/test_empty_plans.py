"""What PostgreSQL plans on the first day, when every table is empty and was never analyzed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from progress_api import Chapter, NotEligible, ProgressRepository, QuizAttempt, Settings
from progress_api.database import open_engine

LEARNER = "ada", "intro"
STATEMENTS = "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements"
UNIQUE = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique"


@pytest.fixture
def one_connection(database: str) -> Iterator[Engine]:
    """The service's own engine with one connection, whose prepared statements can be read."""
    engine = open_engine(Settings(database_url=database, web_threads=1))
    yield engine
    engine.dispose()


def test_no_statement_uses_an_index_other_than_the_unique_keys(one_connection: Engine) -> None:
    # given
    prepare_every_statement(ProgressRepository(one_connection))
    # when
    with one_connection.connect() as connection:
        connection.execute(text("SET plan_cache_mode = force_generic_plan"))
        used = {name: indexes_of(name, n, connection) for name, n in prepared(connection)}
        unique = set(connection.scalars(text(UNIQUE)))
    # then
    assert len(used) >= 10
    assert {name: found - unique for name, found in used.items() if found - unique} == {}
    assert set.union(*used.values()) >= {
        "tutorial_progress_tutorial_id_user_id_key",
        "chapter_progress_progress_id_chapter_id_key",
        "quiz_scores_progress_id_quiz_id_key",
    }


def prepare_every_statement(progress: ProgressRepository) -> None:
    """Do all that there is, as often as psycopg 3 takes to prepare a statement, on no rows."""
    attempt = QuizAttempt(quiz_id="quiz", score=1, max_score=2, passed=False, attempt_keys=["a"])
    for _ in range(7):
        progress.get(*LEARNER)
        progress.record_chapter(*LEARNER, Chapter(chapter_id="chapter", watch_time=1))
        progress.record_quiz(*LEARNER, attempt)
        with pytest.raises(NotEligible):
            progress.complete(*LEARNER)
        progress.reset(*LEARNER)


def prepared(connection: Connection) -> list[tuple[str, int]]:
    """The statements of this session, each with the number of its parameters."""
    return [(name, parameters) for name, parameters in connection.execute(text(STATEMENTS))]


def indexes_of(name: str, parameters: int, connection: Connection) -> set[str]:
    """The indexes in the plan of a prepared statement."""
    given = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE {name}{given}")
    plan = explained.scalar_one()
    return set(_indexes(plan if isinstance(plan, list) else json.loads(plan)))


def _indexes(plan: Any) -> Iterator[str]:
    if isinstance(plan, list):
        for part in plan:
            yield from _indexes(part)
    elif isinstance(plan, dict):
        if "Index Name" in plan:
            yield plan["Index Name"]
        yield from _indexes(list(plan.values()))
