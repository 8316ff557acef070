"""The counts of many learners, by the rules of `progress.rules` (spec 15.3)."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    String,
    and_,
    bindparam,
    case,
    cast,
    collate,
    func,
    literal_column,
    or_,
    select,
)

from progress_api.database import Statement
from progress_api.progress import rules
from progress_api.progress.selects.below import set_of
from progress_api.schema.tables import chapter_progress, tutorial_outlines, tutorial_progress
from progress_api.schema.times import NEVER

TUTORIAL = bindparam("of_tutorial", type_=String)
NOTHING: ColumnElement[Any] = literal_column("'[]'::json")
_FIRST: ColumnElement[Any] = literal_column("timestamp '2000-01-01'")
_LAST: ColumnElement[Any] = literal_column("timestamp '2100-01-01'")
# Microseconds after 1970; a double holds each of them exactly until then.
_AFTER_LAST = literal_column("float8 '9e15'", Double)
_MICROSECONDS = literal_column("float8 '1e6'", Double)
_CHAPTER_BEGINS = literal_column("29", Integer)  # after two times of 14 hexadecimal digits


def _setting(name: str, value: Any) -> ColumnElement[Any]:
    """Set a setting of the server for the transaction of the report only."""
    return func.set_config(literal_column(f"'{name}'"), value, rules.YES)


_TIMEOUT = _setting("statement_timeout", bindparam("timeout", type_=String))
TIMEOUT = Statement(select(_TIMEOUT))
SETTINGS = Statement(
    select(
        _TIMEOUT,
        _setting("work_mem", literal_column("'128MB'")),
        # One processor at a time: the others are left to learners.
        _setting("max_parallel_workers_per_gather", literal_column("'0'")),
        # A plan for tutorials of the average size is slow for one with a million learners.
        _setting("plan_cache_mode", literal_column("'force_custom_plan'")),
    )
)


def completed_chapters(rows: Any, outline: Any) -> ColumnElement[int]:
    """Count the completed chapters that count."""
    counts = rules.is_in_outline(outline.chapters, rows.chapter_id)
    return func.count().filter(rows.completed, counts)


def passed_quizzes(rows: Any, outline: Any) -> ColumnElement[int]:
    """Count the passed quizzes that count."""
    return func.count().filter(rows.passed, rules.is_in_outline(outline.quizzes, rows.quiz_id))


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
    is_stored = outline.tutorial_id.is_(None)
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


def below(rows: Any, learners: Any) -> ColumnElement[bool]:
    """Return the condition of the joins of all learners with all of their rows.

    The learner's id, which repeats in each table, is not compared too: PostgreSQL would expect
    next to no rows, and plan for these.
    """
    condition: ColumnElement[bool] = rows.progress_id == learners.id
    return condition


def _mirrored(time: ColumnElement[Any]) -> ColumnElement[str]:
    """Return 14 digits that sort before those of earlier times."""
    bounded = func.least(func.greatest(time, _FIRST), _LAST)
    elapsed = func.date_part(literal_column("'epoch'"), bounded, type_=Double)
    return func.to_hex(cast(_AFTER_LAST - _MICROSECONDS * elapsed, BigInteger), type_=String)


def latest_chapter(rows: Any, *conditions: Any) -> ColumnElement[str]:
    """Return the chapter that was recorded last, as the list of tutorials has it (spec 11.1).

    Its id follows its times in one text, of which the least is taken: sorting the chapters of all
    learners would take several times as long.

    Args:
        rows: the chapters of a learner.
        conditions: which of them are looked at.
    """
    key = _mirrored(rules.recorded_at(rows)) + _mirrored(rows.updated_at) + rows.chapter_id
    least = func.min(collate(key, "C"))
    found = least.filter(*conditions) if conditions else least
    return func.substr(found, _CHAPTER_BEGINS)


def all_learners() -> Any:
    """Select each learner of the tutorial, with the percentage that a GET has.

    `chapter_id` is the latest chapter, or NULL: without an outline the only chapters that are read
    further are those recorded at `last_watched_at` or later, which one of them nearly always is. So
    one row of each learner goes through the aggregation, not all.
    """
    stored, rows, outline = tutorial_progress.c, chapter_progress.c, _outline()
    is_late = rules.recorded_at(rows) >= func.coalesce(stored.last_watched_at, NEVER)
    is_read = or_(is_late, and_(outline.tutorial_id.is_not(None), rows.completed))
    completed = completed_chapters(rows, outline)
    return (
        select(
            stored.id,
            stored.last_watched_at,
            func.coalesce(stored.certificate_earned, rules.NO).label("earned"),
            func.coalesce(stored.total_watch_time, rules.ZERO).label("watch_time"),
            current(stored, outline, completed).completion_percentage.label("percentage"),
            latest_chapter(rows, is_late).label("chapter_id"),
        )
        .select_from(
            tutorial_progress.outerjoin(chapter_progress, and_(below(rows, stored), is_read))
        )
        .where(stored.tutorial_id == TUTORIAL, stored.user_id.is_not(None))
        .group_by(stored.id)
        .cte("learners")
    )
