"""Repeat the learner in each table, store when events happened, and index a learner's tutorials.

Versions of the service that do not know the new columns may write meanwhile, and afterwards: a
trigger fills `user_id` in each row that is inserted without it. Rows from before are filled 100
tutorials of learners at a time, in a transaction each.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from progress_api.migrations.versions.progress_0003_newest_unique_keys import (
    rebuild_unique_keys,
    tables_schema,
)

revision = "progress_0004"
down_revision = "progress_0003"
branch_labels = None
depends_on = None

_PARENTS = {
    "chapter_progress": ("tutorial_progress", "progress_id"),
    "quiz_scores": ("tutorial_progress", "progress_id"),
    "quiz_attempt_keys": ("quiz_scores", "quiz_score_id"),
}
# The learner of a new row, %1$I being the schema. That of a key is read from the top, because its
# quiz may not be filled yet.
_OF_PROGRESS = "SELECT user_id FROM %1$I.tutorial_progress WHERE id = ($1).progress_id"
_LEARNERS = {
    "chapter_progress": _OF_PROGRESS,
    "quiz_scores": _OF_PROGRESS,
    "quiz_attempt_keys": (
        "SELECT p.user_id FROM %1$I.quiz_scores q JOIN %1$I.tutorial_progress p "
        "ON p.id = q.progress_id WHERE q.id = ($1).quiz_score_id"
    ),
}
_TIMES = ("recorded_at", "completed_recorded_at")
_PAGES = "idx_tutorial_progress_pages"
_BATCH = 100
# The trigger calls it only for a row without `user_id`.
_FUNCTION = """
CREATE OR REPLACE FUNCTION progress_fill_user_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(TG_ARGV[0], TG_TABLE_SCHEMA) INTO NEW.user_id USING NEW;
  RETURN NEW;
END $$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER progress_fill_user_id BEFORE INSERT ON {table}
FOR EACH ROW WHEN (NEW.user_id IS NULL)
EXECUTE FUNCTION progress_fill_user_id('{query}')
"""


def upgrade() -> None:
    """Add the columns, the trigger that fills them, and the index, without blocking queries."""
    for table in _PARENTS:
        op.add_column(table, sa.Column("user_id", sa.String(255)), if_not_exists=True)
    for name in _TIMES:
        op.add_column("chapter_progress", sa.Column(name, sa.TIMESTAMP()), if_not_exists=True)
    op.execute(_FUNCTION)
    for table, query in _LEARNERS.items():
        op.execute(_TRIGGER.format(table=table, query=query))
    context = op.get_context()
    if context._in_external_transaction or context.as_sql:  # noqa: SLF001 - no public name
        _fill_at_once()
        _create_index(concurrently=False)
    else:
        schema = tables_schema()
        with context.autocommit_block():
            _fill_in_batches(schema)
            _create_index(concurrently=True, schema=schema)
    rebuild_unique_keys()


def downgrade() -> None:
    """Drop what was added; the times of events are lost."""
    op.drop_index(_PAGES, "tutorial_progress")
    for table in _PARENTS:
        op.execute(f"DROP TRIGGER progress_fill_user_id ON {table}")
    op.execute("DROP FUNCTION progress_fill_user_id()")
    for name in _TIMES:
        op.drop_column("chapter_progress", name)
    for table in _PARENTS:
        op.drop_column(table, "user_id")


def _create_index(*, concurrently: bool, schema: str | None = None) -> None:
    if concurrently:  # an interrupted CREATE INDEX CONCURRENTLY leaves an invalid index behind
        op.drop_index(_PAGES, schema=schema, if_exists=True, postgresql_concurrently=True)
    watched = sa.text("COALESCE(last_watched_at, '-infinity'::timestamp without time zone) DESC")
    op.create_index(
        _PAGES,
        "tutorial_progress",
        ["user_id", watched, "tutorial_id"],
        schema=schema,
        postgresql_concurrently=concurrently,
    )


def _table(name: str, schema: str | None, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema=schema)


def _fill_at_once() -> None:
    for table, (parent, column) in _PARENTS.items():
        rows = _table(table, None, column, "user_id")
        parents = _table(parent, None, "id", "user_id")
        op.execute(
            sa.update(rows)
            .values(user_id=parents.c.user_id)
            .where(rows.c[column] == parents.c.id, rows.c.user_id.is_(None))
        )


def _fill_in_batches(schema: str | None) -> None:
    statement = _batch(schema)
    last: UUID | None = UUID(int=0)
    while last is not None:
        last = op.get_bind().scalar(statement, {"last": last})


def _batch(schema: str | None) -> sa.Select[Any]:
    """Fill the rows of the next tutorials of learners, and return the last id of these.

    Writes of a learner lock the row of `tutorial_progress` first. So does this statement, so that
    there is no deadlock.
    """
    tutorials = _table("tutorial_progress", schema, "id", "user_id")
    batch = (
        sa.select(tutorials.c.id, tutorials.c.user_id)
        .where(tutorials.c.id > sa.bindparam("last", type_=sa.Uuid()))
        .order_by(tutorials.c.id)
        .limit(_BATCH)
        .with_for_update(key_share=True)
        .cte("batch")
    )
    chapters = _table("chapter_progress", schema, "progress_id", "user_id")
    quizzes = _table("quiz_scores", schema, "id", "progress_id", "user_id")
    keys = _table("quiz_attempt_keys", schema, "quiz_score_id", "user_id")
    of_quiz = sa.and_(keys.c.quiz_score_id == quizzes.c.id, quizzes.c.progress_id == batch.c.id)
    filled = [
        sa.update(rows)
        .values(user_id=batch.c.user_id)
        .where(condition, rows.c.user_id.is_(None))
        .cte(f"filled_{rows.name}")
        for rows, condition in (
            (chapters, chapters.c.progress_id == batch.c.id),
            (quizzes, quizzes.c.progress_id == batch.c.id),
            (keys, of_quiz),
        )
    ]
    return sa.select(batch.c.id).order_by(batch.c.id.desc()).limit(1).add_cte(*filled)
