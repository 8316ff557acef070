"""The counts of many learners, by the rules of `progress.rules` (spec 15.3)."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from progress_api.database import Statement
from progress_api.progress import rules
from progress_api.progress.selects.below import (
    completed_chapters,
    has_current_counts,
    is_counted,
    latest_first,
    set_of,
)
from progress_api.schema.tables import chapter_progress, tutorial_outlines, tutorial_progress

TUTORIAL = bindparam("of_tutorial", type_=String)
NOTHING: ColumnElement[Any] = literal_column("'[]'::json")


def _setting(name: str, value: Any) -> ColumnElement[Any]:
    """Set a setting of the server for the transaction of the report only."""
    return func.set_config(literal_column(f"'{name}'"), value, rules.YES)


_TIMEOUT = _setting("statement_timeout", bindparam("timeout", type_=String))
PAGE_SETTINGS = Statement(
    select(
        _TIMEOUT,
        # Look up the rows of a page by index, even if the tables are small or never analyzed.
        _setting("enable_seqscan", literal_column("'off'")),
    )
)
SETTINGS = Statement(
    select(
        _TIMEOUT,
        _setting("work_mem", literal_column("'128MB'")),
        # Two processors at a time: the others are left to learners.
        _setting("max_parallel_workers_per_gather", literal_column("'1'")),
        # A plan for tutorials of the average size takes twice as long for one of 30,000 learners.
        _setting("plan_cache_mode", literal_column("'force_custom_plan'")),
        # PostgreSQL takes the two columns of a join for independent, expects next to no rows, and
        # would sort them all in order to group them: 380 instead of 260 ms of 30,000 learners.
        _setting("enable_sort", literal_column("'off'")),
    )
)


def current(stored: Any, outline: Any, completed: ColumnElement[int]) -> SimpleNamespace:
    """Return the counts of a learner's row, as a GET has them (spec 13.3).

    Args:
        stored: the columns of the row.
        outline: the columns of the outline.
        completed: the number of completed chapters that count.
    """
    recorded = SimpleNamespace(
        chapters_completed=func.coalesce(completed, rules.ZERO),
        quizzes_recorded=rules.ZERO,
        quizzes_passed=rules.ZERO,
        outline_chapters=func.cardinality(outline.chapter_ids),
        outline_quizzes=func.cardinality(outline.quiz_ids),
        outline_percentage=outline.certificate_percentage,
    )
    counts = rules.counts(stored, recorded)
    is_stored = has_current_counts(stored, outline)
    names = ("completion_percentage", "chapters_completed", "total_chapters")
    return SimpleNamespace(
        **{
            name: case(
                (is_stored, func.coalesce(stored[name], rules.ZERO)), else_=getattr(counts, name)
            )
            for name in names
        }
    )


def of_one_learner(rows: Any, stored: Any) -> ColumnElement[bool]:
    """Return the condition for the chapters or quizzes of a learner's row."""
    return and_(rows.progress_id == stored.id, rows.user_id == stored.user_id)


def _outline() -> Any:
    """Return the columns of the outline, each read once; NULL without one."""
    outline = tutorial_outlines.c
    sets = set_of(outline.chapter_ids).label("chapters"), set_of(outline.quiz_ids).label("quizzes")
    found = {
        column.name: select(column).where(outline.tutorial_id == TUTORIAL).scalar_subquery()
        for column in (*outline, *sets)
    }
    return SimpleNamespace(**found)


def latest_chapter(rows: Any) -> ColumnElement[str]:
    """Return the chapter that was recorded last, as the list of tutorials has it (spec 11.1).

    Args:
        rows: the chapters of a learner.
    """
    in_order = aggregate_order_by(rows.chapter_id, *latest_first(rows))
    latest: ColumnElement[str] = func.array_agg(in_order, type_=ARRAY(String))[rules.ONE]
    return latest


def _read_below(outline: Any) -> Any:
    """Select the latest chapter and the completed ones of some learners.

    They are the learners whose stored counts or last chapter are outdated.

    Args:
        outline: the columns of the outline.
    """
    rows, stored = chapter_progress.c, tutorial_progress.c
    is_outdated = or_(~is_counted(stored), ~has_current_counts(stored, outline))
    return (
        select(
            # Of one tutorial a learner has one row, and distributed tables join by learner alone.
            rows.user_id,
            completed_chapters(rows, outline).label("completed"),
            latest_chapter(rows).label("chapter_id"),
        )
        .select_from(tutorial_progress.join(chapter_progress, of_one_learner(rows, stored)))
        .where(stored.tutorial_id == TUTORIAL, is_outdated)
        .group_by(rows.user_id)
        .subquery("read_below")
    )


def all_learners() -> Any:
    """Select each learner of the tutorial, with the percentage that a GET has."""
    stored, outline = tutorial_progress.c, _outline()
    below = _read_below(outline)
    percentage = current(stored, outline, below.c.completed).completion_percentage
    return (
        select(
            stored.id,
            stored.user_id,
            stored.last_watched_at,
            func.coalesce(stored.certificate_earned, rules.NO).label("earned"),
            func.coalesce(stored.total_watch_time, rules.ZERO).label("watch_time"),
            percentage.label("percentage"),
            case((is_counted(stored), stored.last_chapter_id), else_=below.c.chapter_id).label(
                "chapter_id"
            ),
        )
        .select_from(tutorial_progress.outerjoin(below, below.c.user_id == stored.user_id))
        .where(stored.tutorial_id == TUTORIAL, stored.user_id.is_not(None))
        .cte("learners")
    )
