"""The rules of progress, each a named SQL expression.

`statements.py` decides when a rule applies; what it says is written here and nowhere else.
"""

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.sql.selectable import FromClause

from progress_api.outlines.records import CERTIFICATE_PERCENTAGE
from progress_api.schema.tables import (
    chapter_progress,
    quiz_attempt_keys,
    quiz_scores,
    tutorial_progress,
)
from progress_api.schema.times import MICROSECOND, NEVER, utc_now
from progress_api.validation import WHOLE_NUMBER_LIMIT

USER = bindparam("of_user", type_=String)
Columns = Any  # the columns of a table, an alias or EXCLUDED: SQLAlchemy has no common type
# Constants are part of the statement: a bound parameter would be sent with each request.
ZERO, ONE = literal_column("0", Integer), literal_column("1", Integer)
_HUNDRED = literal_column("100", Integer)
_ELIGIBLE = literal_column(str(CERTIFICATE_PERCENTAGE), Integer)
_LIMIT = literal_column(str(WHOLE_NUMBER_LIMIT), Integer)
NO, YES = literal_column("false", Boolean), literal_column("true", Boolean)


def of_progress(rows: FromClause, progress: Any = tutorial_progress.c) -> tuple[Any, ...]:
    """Return the conditions for the chapters or quizzes of a learner's row.

    Each table is held to the learner by itself, so that no statement reaches another learner's
    rows, and the tables can be distributed by learner (spec 12.9).
    """
    return rows.c.progress_id == progress.id, rows.c.user_id == USER


def written_at(progress: Columns, step: ColumnElement[int] = ZERO) -> ColumnElement[Any]:
    """Return the time of a write: now, but later than the last write to this row (spec 2.25, 2.26).

    Times then never go backwards and rows keep the order of their recording, even if the server's
    clock steps back. All statements of a transaction get the same time until `updated_at` changes,
    so each has its `step`, in microseconds.
    """
    return func.greatest(utc_now(), progress.updated_at + MICROSECOND) + step * MICROSECOND


def happened_at(at: ColumnElement[Any], now: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return when an event happened; a plain post (NULL) and the future are now (spec 12.7)."""
    return func.least(at, now)


def recorded_at(row: Columns) -> ColumnElement[Any]:
    """Return when the player was at the last position of a chapter (spec 12.5)."""
    return func.coalesce(row.recorded_at, row.updated_at, NEVER)


def completed_recorded_at(row: Columns) -> ColumnElement[Any]:
    """Return when the `completed` of a chapter was last given (spec 12.5)."""
    return func.coalesce(row.completed_recorded_at, row.updated_at, NEVER)


def watch_time(stored: Columns, posted: Columns) -> ColumnElement[int]:
    """Keep the greater watch time: it never shrinks (spec 2.4)."""
    return func.greatest(stored.watch_time, posted.watch_time)


def last_position(stored: Columns, posted: Columns) -> ColumnElement[int]:
    """Keep the position of the latest event (spec 2.5, 12.5)."""
    is_latest = recorded_at(posted) > recorded_at(stored)
    return case((is_latest, posted.last_position), else_=stored.last_position)


def completed(stored: Columns, posted: Columns, sticky: ColumnElement[bool]) -> ColumnElement[bool]:
    """Keep the `completed` of the latest event that has one (spec 2.6, 12.5).

    With `sticky`, a completed chapter stays completed (spec 2.7).
    """
    before = func.coalesce(stored.completed, NO)
    is_latest = completed_recorded_at(posted) > completed_recorded_at(stored)
    return or_(case((is_latest, posted.completed), else_=before), and_(sticky, before))


def total_chapters(stored: Columns, posted: ColumnElement[int]) -> ColumnElement[int]:
    """Keep the greater number of chapters: it only grows (spec 2.8)."""
    return func.greatest(func.coalesce(stored.total_chapters, ZERO), posted)


def posted_total(totals: ColumnElement[Any], progress: Columns, *of_learner: Any) -> Subquery:
    """Select the greatest number of chapters that came with a chapter which is now recorded.

    A number that came with a chapter over the limit changes nothing (spec 6.6).

    Args:
        totals: the numbers in a JSON object, by the chapters that they came with.
        progress: the columns of the learner's row.
        of_learner: the conditions that select the row.
    """
    chapters = chapter_progress.c
    total = func.max(cast(totals.op("->>")(chapters.chapter_id), Integer))
    recorded = select(func.coalesce(total, ZERO).label("total"))
    return recorded.where(*of_progress(chapter_progress, progress), *of_learner).subquery("posted")


def total_watch_time(sum_of_watch_times: ColumnElement[int]) -> ColumnElement[int]:
    """Cap the sum of the chapters' watch times at 2,147,483,647 seconds (spec 2.11)."""
    return cast(func.least(sum_of_watch_times, _LIMIT), Integer)


def completion_percentage(
    chapters_completed: ColumnElement[int],
    total: ColumnElement[int],
    earned: ColumnElement[bool],
) -> ColumnElement[int]:
    """Return floor(100 * completed / total), from 0 to 100, and 0 while total is 0 (spec 2.10).

    After the certificate is earned it is 100 (spec 2.22).
    """
    share = chapters_completed * _HUNDRED // func.nullif(total, ZERO, type_=Integer)
    # COALESCE first: LEAST ignores NULL.
    floored = func.least(func.coalesce(share, ZERO), _HUNDRED)
    percentage = case((func.coalesce(earned, NO), _HUNDRED), else_=floored)
    return cast(percentage, Integer)


def certificate_eligible(percentage: ColumnElement[int], recorded: Columns) -> ColumnElement[bool]:
    """Require 95 percent, and that every recorded quiz is passed (spec 2.19).

    With an outline: its percentage, and that every quiz of it is passed (spec 13.4).
    """
    least = func.coalesce(recorded.outline_percentage, _ELIGIBLE)
    required = func.coalesce(recorded.outline_quizzes, recorded.quizzes_recorded)
    return and_(percentage >= least, recorded.quizzes_passed == required)


def is_in_outline(ids: ColumnElement[Any], part_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether a chapter or quiz counts; without an outline each does (spec 13.3).

    Args:
        ids: the keys of a JSON object, which are found by bisection; NULL without an outline.
        part_id: the id of the chapter or quiz.
    """
    return or_(ids.is_(None), func.jsonb_exists(ids, part_id, type_=Boolean))


class Counts(NamedTuple):
    """What follows from the rows below a learner's row, and from the outline of today."""

    total_chapters: ColumnElement[int]
    chapters_completed: ColumnElement[int]
    completion_percentage: ColumnElement[int]
    certificate_eligible: ColumnElement[bool]


def counts(stored: Columns, recorded: Columns, posted: ColumnElement[int] = ZERO) -> Counts:
    """Return the counts of a learner's row; every response has them from here (spec 13.3).

    Args:
        stored: the columns of the row.
        recorded: what is recorded below it, from `selects`.
        posted: the number of chapters that the player has given; an outline's own replaces it.
    """
    total = func.coalesce(recorded.outline_chapters, total_chapters(stored, posted))
    percentage = completion_percentage(
        recorded.chapters_completed, total, stored.certificate_earned
    )
    eligible = certificate_eligible(percentage, recorded)
    return Counts(total, recorded.chapters_completed, percentage, eligible)


def certificate_earned(stored: Columns, eligible: ColumnElement[bool]) -> ColumnElement[bool]:
    """Earn the certificate if eligible, and keep it once earned (spec 2.20, 2.22)."""
    return or_(func.coalesce(stored.certificate_earned, NO), eligible)


def best_attempt(stored: Columns, posted: Columns) -> tuple[ColumnElement[int], ...]:
    """Return score and maxScore of the attempt with the highest share of points (spec 2.14).

    Both belong to the same attempt. Of two equal attempts the earlier is kept.
    """
    before = cast(stored.score, BigInteger) * posted.max_score
    is_better = cast(posted.score, BigInteger) * stored.max_score > before
    return (
        case((is_better, posted.score), else_=stored.score),
        case((is_better, posted.max_score), else_=stored.max_score),
    )


def is_repeated_attempt(
    quiz_id: ColumnElement[str], attempt_keys: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Return whether the post carries a key that this quiz has seen (spec 2.15, 2.16)."""
    quiz = select(quiz_scores.c.id).where(
        *of_progress(quiz_scores), quiz_scores.c.quiz_id == quiz_id
    )
    attempt = select(YES).where(
        quiz_attempt_keys.c.user_id == USER,
        quiz_attempt_keys.c.quiz_score_id == quiz.correlate(tutorial_progress).scalar_subquery(),
        quiz_attempt_keys.c.attempt_key == func.any(attempt_keys),
    )
    # Not an EXISTS, for the reason that `is_recorded` gives.
    return func.coalesce(attempt.correlate(tutorial_progress).limit(ONE).scalar_subquery(), NO)


def is_recorded(rows: FromClause, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether a chapter or quiz of the learner's tutorial is recorded; NULL means no.

    PostgreSQL evaluates a scalar subquery once, for the row that asks. It may turn an EXISTS into a
    join or a hash over the rows of all learners while the tables have no statistics.
    """
    recorded = select(YES).where(*of_progress(rows), condition)
    return recorded.correlate(tutorial_progress).scalar_subquery()


def has_room(rows: FromClause, condition: ColumnElement[bool], limit: Any) -> ColumnElement[bool]:
    """Return whether a chapter or quiz is recorded already or one more is allowed (spec 6.6)."""
    count: Select[Any] = select(func.count()).select_from(rows).where(*of_progress(rows))
    is_below = type_coerce(count.scalar_subquery(), Integer) < limit
    return or_(is_recorded(rows, condition), is_below)


def passed(stored: Columns, posted: Columns) -> ColumnElement[bool]:
    """Keep a quiz passed once it is passed (spec 2.12)."""
    return or_(stored.passed, posted.passed)


def attempts(stored: Columns) -> ColumnElement[int]:
    """Count one more attempt, up to 2,147,483,647 (spec 2.13)."""
    count = cast(func.coalesce(stored.attempts, ONE), BigInteger) + ONE
    return cast(func.least(count, _LIMIT), Integer)
