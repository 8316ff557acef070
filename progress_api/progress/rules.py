"""Each rule of progress, as one named SQL expression.

The statements say when a rule is applied; what it is stands here and nowhere else.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Interval,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.sql.selectable import FromClause

from progress_api.schema.tables import quiz_attempt_keys, quiz_scores, tutorial_progress
from progress_api.validation import WHOLE_NUMBER_LIMIT

Columns = Any  # a table's, an alias's or EXCLUDED's columns: SQLAlchemy has no one type for them
ELIGIBLE_PERCENTAGE = 95
# Written into the statement: a constant that is bound would travel with each request.
ZERO, ONE = literal_column("0", Integer), literal_column("1", Integer)
_HUNDRED = literal_column("100", Integer)
_ELIGIBLE = literal_column(str(ELIGIBLE_PERCENTAGE), Integer)
_MOST = literal_column(str(WHOLE_NUMBER_LIMIT), Integer)
NO, YES = literal_column("false", Boolean), literal_column("true", Boolean)


def utc_now() -> ColumnElement[Any]:
    """The start of the transaction in UTC, without a zone, as the guide's columns hold it."""
    return func.timezone(literal_column("'UTC'"), func.now())


def written_at(progress: Columns) -> ColumnElement[Any]:
    """The time of a write: now, and always later than the learner's write before it.

    So times never go backwards, and rows are ordered as they were recorded, even where the
    server's clock steps back (contract, "in the order first recorded"). It is the same in every
    statement of one transaction, as long as `updated_at` still is.
    """
    a_moment = literal_column("interval '1 microsecond'", Interval)
    return func.greatest(utc_now(), progress.updated_at + a_moment)


def watch_time(stored: Columns, posted: Columns) -> ColumnElement[int]:
    """The watch time of a chapter never shrinks (guide, step 2, endpoint 2)."""
    return func.greatest(stored.watch_time, posted.watch_time)


def completed(
    stored: Columns, posted: ColumnElement[bool], sticky: ColumnElement[bool]
) -> ColumnElement[bool]:
    """An explicit `completed` is the latest word, an absent one changes nothing (contract).

    With PROGRESS_STICKY_COMPLETION, once completed a chapter stays so.
    """
    before = func.coalesce(stored.completed, NO)
    return or_(func.coalesce(posted, before), and_(sticky, before))


def total_chapters(stored: Columns, posted: ColumnElement[int]) -> ColumnElement[int]:
    """The number of chapters of a tutorial only grows (guide, step 2, endpoint 2)."""
    return func.greatest(func.coalesce(stored.total_chapters, ZERO), posted)


def total_watch_time(sum_of_watch_times: ColumnElement[int]) -> ColumnElement[int]:
    """The sum over the chapters stops at 2,147,483,647 seconds instead of failing (contract)."""
    return cast(func.least(sum_of_watch_times, _MOST), Integer)


def completion_percentage(
    chapters_completed: ColumnElement[int],
    total: ColumnElement[int],
    earned: ColumnElement[bool],
) -> ColumnElement[int]:
    """floor(100 * completed / total), at most 100, 0 while total is 0 (contract).

    Once the certificate was earned it is 100, whatever is posted later.
    """
    share = chapters_completed * _HUNDRED // func.nullif(total, ZERO, type_=Integer)
    # Inside: LEAST passes over a NULL.
    floored = func.least(func.coalesce(share, ZERO), _HUNDRED)
    percentage = case((func.coalesce(earned, NO), _HUNDRED), else_=floored)
    return cast(percentage, Integer)


def certificate_eligible(
    percentage: ColumnElement[int],
    quizzes: ColumnElement[int],
    passed: ColumnElement[int],
) -> ColumnElement[bool]:
    """At least 95 percent, and every quiz on record passed; none on record is passed (contract)."""
    return and_(percentage >= _ELIGIBLE, passed == quizzes)


def certificate_earned(stored: Columns, eligible: ColumnElement[bool]) -> ColumnElement[bool]:
    """Earned when asked for while eligible, and from then on until reset (contract)."""
    return or_(func.coalesce(stored.certificate_earned, NO), eligible)


def best_attempt(stored: Columns, posted: Columns) -> tuple[ColumnElement[int], ...]:
    """The score and the maxScore of the attempt with the highest score / maxScore (contract).

    With the same maxScore this is the guide's GREATEST; of two equal ones the first is kept.
    """
    before = cast(stored.score, BigInteger) * posted.max_score
    better = cast(posted.score, BigInteger) * stored.max_score > before
    return (
        case((better, posted.score), else_=stored.score),
        case((better, posted.max_score), else_=stored.max_score),
    )


def is_repeated_attempt(
    quiz_id: ColumnElement[str], attempt_keys: ColumnElement[Any]
) -> ColumnElement[bool]:
    """A post that carries a key already seen for this quiz counts as no attempt (contract)."""
    quiz = select(quiz_scores.c.id).where(
        quiz_scores.c.progress_id == tutorial_progress.c.id, quiz_scores.c.quiz_id == quiz_id
    )
    return exists().where(
        quiz_attempt_keys.c.quiz_score_id == quiz.correlate(tutorial_progress).scalar_subquery(),
        quiz_attempt_keys.c.attempt_key == func.any(attempt_keys),
    )


def is_recorded(rows: FromClause, one: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one chapter or quiz of a learner and tutorial is there; NULL is no.

    It is a scalar subquery, which PostgreSQL can only look up for the one row that asks. An
    EXISTS it may join or hash, over the rows of all learners, by statistics of the first day.
    """
    of_progress = rows.c.progress_id == tutorial_progress.c.id
    return select(YES).where(of_progress, one).correlate(tutorial_progress).scalar_subquery()


def has_room(rows: FromClause, recorded: ColumnElement[bool], most: Any) -> ColumnElement[bool]:
    """At most so many chapters or quizzes of one learner and tutorial (contract)."""
    of_progress = rows.c.progress_id == tutorial_progress.c.id
    held: Select[Any] = select(func.count()).select_from(rows).where(of_progress)
    return or_(is_recorded(rows, recorded), type_coerce(held.scalar_subquery(), Integer) < most)


def passed(stored: Columns, posted: Columns) -> ColumnElement[bool]:
    """A quiz once passed stays passed (guide, step 2, endpoint 3)."""
    return or_(stored.passed, posted.passed)


def attempts(stored: Columns) -> ColumnElement[int]:
    """Each new post of a quiz is one attempt more, up to the column's end (guide, endpoint 3)."""
    counted = cast(func.coalesce(stored.attempts, ONE), BigInteger) + ONE
    return cast(func.least(counted, _MOST), Integer)
