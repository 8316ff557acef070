"""Bring what is stored of all learners of a tutorial up to date with its outline."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Engine, Integer, String, bindparam, func, literal_column, select

from progress_api.certificates.statements import ISSUE_MISSING
from progress_api.database import AnySession, Executor, Statement, Statements, executor_for
from progress_api.progress.batches import of_recount
from progress_api.progress.statements import COMPLETE
from progress_api.schema.tables import tutorial_progress
from progress_api.validation import require_ids


class Recounted(NamedTuple):
    """The number of learners that were recounted, and of certificates that were missing."""

    learners: int
    issued: int


# In the statements, not parameters.
_BATCH, _ONE = literal_column("1000", Integer), literal_column("1", Integer)


def recount(
    bind: Engine | AnySession,
    tutorial_id: str,
    *,
    schema: str | None = None,
    one_trip: bool = True,
) -> Recounted:
    """Store the counts of today for each learner of a tutorial (spec 13.3).

    Responses do not need it; people who read the tables by hand do. A certificate that a version
    without certificates earned is issued (spec 14.10). On an engine each learner is a transaction,
    so nobody waits longer than for one post.

    Args:
        bind: an engine or session of PostgreSQL.
        tutorial_id: 1 to 255 characters.
        schema: the PostgreSQL schema of the tables; None for the connection's search path.
        one_trip: whether statements may be prepared on the server.

    Raises:
        InvalidFields: the id is invalid.
        DatabaseUnavailable: the database cannot respond now; learners before are stored.
    """
    require_ids(tutorial_id=tutorial_id)
    executor = executor_for(bind, one_trip=one_trip, schema=schema)
    learners = issued = 0
    for user_id in _learners(executor, tutorial_id):
        parameters = {"of_user": user_id, "of_tutorial": tutorial_id, **of_recount()}
        row = executor.run([*COMPLETE.batch(parameters), *ISSUE_MISSING.batch(parameters)])
        learners += 1
        issued += row is not None
    return Recounted(learners, issued)


def tutorials(
    bind: Engine | AnySession, *, schema: str | None = None, one_trip: bool = True
) -> Iterator[str]:
    """Yield the ids of all tutorials of which something is recorded, each by one look at an index.

    Args:
        bind: an engine or session of PostgreSQL.
        schema: the PostgreSQL schema of the tables; None for the connection's search path.
        one_trip: whether statements may be prepared on the server.

    Raises:
        DatabaseUnavailable: the database cannot respond now.
    """
    executor = executor_for(bind, one_trip=one_trip, schema=schema)
    after = ""
    while row := executor.run(_NEXT_TUTORIAL.batch({"after": after})):
        after = row[0]
        yield after


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


def _next_tutorial() -> Statement:
    tutorial_id = tutorial_progress.c.tutorial_id
    later = select(tutorial_id).where(tutorial_id > bindparam("after", type_=String))
    return Statement(later.order_by(tutorial_id).limit(_ONE))


_LEARNERS = Statements(_next_learners())
_NEXT_TUTORIAL = Statements(_next_tutorial())
