"""Learners with rows in every table that can hold their id."""

from typing import Any

from sqlalchemy import Engine, String, cast, func, select

from progress_api.schema.tables import metadata
from tests.client import Learner

# Found in the tables themselves: a table that comes later must be exported and erased, too.
TABLES = {table.name: table for table in metadata.sorted_tables if "user_id" in table.c}


def study(learner: Learner) -> Learner:
    """Leave a row in each table."""
    learner.complete_chapters(2, of=2)
    learner.answer_quiz(headers={"Idempotency-Key": "first"})
    assert learner.complete({"holderName": "Ada"}).status == 200
    return learner


def rows_of(engine: Engine, user_id: str) -> dict[str, int]:
    """Return the number of rows that name a learner, in each table of the database."""
    with engine.connect() as connection:
        return {name: _count(connection, table, user_id) for name, table in TABLES.items()}


def _count(connection: Any, table: Any, user_id: str) -> int:
    count = select(func.count()).select_from(table).where(table.c.user_id == user_id)
    return int(connection.scalar(count))


def holds(engine: Engine, text: str) -> list[str]:
    """Return the tables of which some row holds a text, in any column."""
    with engine.connect() as connection:
        return [
            table.name
            for table in metadata.sorted_tables
            if connection.scalar(
                select(func.count())
                .select_from(table)
                .where(cast(func.to_json(table.table_valued()), String).contains(text))
            )
        ]
