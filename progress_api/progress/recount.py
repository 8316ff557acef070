"""Bring the stored counts of all learners of a tutorial up to date with its outline."""

from collections.abc import Iterator

from sqlalchemy import Engine, Integer, String, bindparam, func, literal_column, select

from progress_api.database import AnySession, Executor, Statement, Statements, executor_for
from progress_api.progress import statements
from progress_api.progress.batches import of_recount
from progress_api.schema.tables import tutorial_progress
from progress_api.validation import require_ids

_BATCH = literal_column("1000", Integer)  # in the statement, not a parameter


def recount(
    bind: Engine | AnySession,
    tutorial_id: str,
    *,
    schema: str | None = None,
    one_trip: bool = True,
) -> int:
    """Store the counts of today for each learner of a tutorial (spec 13.3).

    Responses do not need it; whoever reads the tables does. On an engine each learner is a
    transaction, so nobody waits longer than for one post.

    Args:
        bind: an engine or session of PostgreSQL.
        tutorial_id: 1 to 255 characters.
        schema: the PostgreSQL schema of the tables; None for the connection's search path.
        one_trip: whether statements may be prepared on the server.

    Returns:
        The number of learners.

    Raises:
        InvalidFields: the id is invalid.
        DatabaseUnavailable: the database cannot respond now; learners before are stored.
    """
    require_ids(tutorial_id=tutorial_id)
    executor = executor_for(bind, one_trip=one_trip, schema=schema)
    number = 0
    for user_id in _learners(executor, tutorial_id):
        learner = {"of_user": user_id, "of_tutorial": tutorial_id}
        executor.run(statements.COMPLETE.batch({**learner, **of_recount()}))
        number += 1
    return number


def _learners(executor: Executor, tutorial_id: str) -> Iterator[str]:
    """Yield the learners of a tutorial, 1,000 from each statement."""
    after = ""
    while True:
        row = executor.run(_LEARNERS.batch({"of_tutorial": tutorial_id, "after": after}))
        user_ids: list[str] = (row[0] if row else None) or []
        if not user_ids:
            return
        yield from user_ids
        after = user_ids[-1]


def _next_learners() -> Statement:
    progress = tutorial_progress.c
    batch = (
        select(progress.user_id)
        .where(
            progress.tutorial_id == bindparam("of_tutorial", type_=String),
            progress.user_id > bindparam("after", type_=String),
        )
        .order_by(progress.user_id)
        .limit(_BATCH)
        .subquery("batch")
    )
    return Statement(select(func.array_agg(batch.c.user_id)))


_LEARNERS = Statements(_next_learners())
