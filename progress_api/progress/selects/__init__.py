"""Select a learner's row of a tutorial, with its chapters and quizzes, and read the result."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from progress_api.progress import rules
from progress_api.progress.selects.below import (
    Below,
    current_counts,
    has_current_counts,
    last_chapter,
    listed_below,
)
from progress_api.progress.selects.rows import (
    ChangeRow,
    change_columns,
    change_of,
    completion_of,
    needs_columns,
    progress_columns,
    progress_of,
    tenths_of,
)
from progress_api.schema.tables import tutorial_outlines, tutorial_progress

__all__ = [
    "ChangeRow",
    "change_columns",
    "change_of",
    "completion_of",
    "counted_progress",
    "current_progress",
    "current_with_posted_total",
    "last_chapter",
    "needs_columns",
    "of_learner",
    "progress_columns",
    "progress_of",
    "stored_progress",
    "tenths_of",
]

TUTORIAL, USER = bindparam("of_tutorial", type_=String), rules.USER


def of_learner(columns: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that select one learner's row of one tutorial."""
    return columns.tutorial_id == TUTORIAL, columns.user_id == USER


def _asked() -> tuple[Any, Any]:
    """Return the ids that were asked for, and their join with the learner's row, if it exists."""
    asked = select(TUTORIAL.label("tutorial_id"), USER.label("user_id")).subquery("asked")
    return asked.c, asked.outerjoin(tutorial_progress, and_(*of_learner(tutorial_progress.c)))


def stored_progress() -> Select[Any]:
    """Select the progress as it is stored; no row if its counts are outdated (spec 13.3).

    To count in each GET would cost PostgreSQL a third more.
    """
    (asked, joined), stored = _asked(), SimpleNamespace(**tutorial_progress.c)
    outline = tutorial_outlines
    stored.tutorial_id, stored.user_id = asked.tutorial_id, asked.user_id
    return (
        select(*progress_columns(stored, *listed_below(stored)))
        .select_from(joined.outerjoin(outline, outline.c.tutorial_id == TUTORIAL))
        .where(has_current_counts(stored, outline.c))
    )


def counted_progress() -> Select[Any]:
    """Count the progress in one snapshot, so that its counts, its lists and its outline agree."""
    (asked, joined), stored = _asked(), tutorial_progress.c
    below = Below.of(joined, stored, TUTORIAL)
    current = current_counts(stored, below)
    current.tutorial_id, current.user_id = asked.tutorial_id, asked.user_id
    return select(
        *progress_columns(current, below.chapters.c.listed, below.quizzes.c.listed)
    ).select_from(below.source)


def _completed_before(stored: Any, below: Below) -> ColumnElement[int]:
    """Return the completed chapters before a write; if the outline has changed, those after it.

    The difference would otherwise be what the author has changed, not the learner.
    """
    is_comparable = has_current_counts(stored, below.outline.c)
    before = func.coalesce(stored.chapters_completed, rules.ZERO)
    return case((is_comparable, before), else_=below.chapters.c.completed)


def current_progress() -> Subquery:
    """Select the learner's row as it is under the lock, with all that is recorded below it."""
    stored = tutorial_progress.alias("stored")
    below = Below.of(stored, stored.c, TUTORIAL)
    chapters, quizzes, outline = below.chapters, below.quizzes, below.outline.c
    columns: tuple[Any, ...] = (
        stored.c.id,
        stored.c.updated_at,
        func.coalesce(stored.c.certificate_earned, rules.NO).label("was_earned"),
        _completed_before(stored.c, below).label("completed_before"),
        *(column.label(name) for name, column in vars(below.recorded).items()),
        outline.chapter_ids.label("outline_chapter_ids"),
        outline.quiz_ids.label("outline_quiz_ids"),
        outline.updated_at.label("outline_updated_at"),
        chapters.c.watch_time,
        func.greatest(chapters.c.latest, quizzes.c.latest).label("latest"),
        func.greatest(chapters.c.watched, quizzes.c.watched).label("watched"),
        chapters.c.listed.label("chapters"),
        quizzes.c.listed.label("quizzes"),
    )
    return (
        select(*columns).select_from(below.source).where(*of_learner(stored.c)).subquery("current")
    )


def current_with_posted_total() -> Subquery:
    """Select the same, with the greatest number of chapters that came with recorded events."""
    stored, totals = tutorial_progress.alias("opened").c, bindparam("totals", type_=String)
    posted = rules.posted_total(cast(totals, JSONB), stored, *of_learner(stored))
    current = current_progress()
    joined = current.join(posted, true())
    return select(*current.c, posted.c.total).select_from(joined).subquery("counted")
