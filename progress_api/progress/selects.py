"""What is read of a learner's progress: the tutorial's row, and all that is recorded below it."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from progress_api.progress import rules
from progress_api.schema.tables import chapter_progress, quiz_scores, tutorial_progress

TUTORIAL = bindparam("of_tutorial", type_=String)
USER = bindparam("of_user", type_=String)


def of_learner(columns: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The natural key of one learner's progress in one tutorial."""
    return columns.tutorial_id == TUTORIAL, columns.user_id == USER


def _in_order(
    rows: Any, order: ColumnElement[Any], *columns: ColumnElement[Any]
) -> ColumnElement[Any]:
    """The rows as a JSON array of arrays, in the order first recorded (contract)."""
    listed = aggregate_order_by(func.json_build_array(*columns), rows.created_at, order)
    return func.coalesce(func.json_agg(listed), literal_column("'[]'::json"))


def _chapters(of: Any) -> Any:
    rows = chapter_progress.c
    watched = func.coalesce(rows.watch_time, rules.ZERO)
    done = func.coalesce(rows.completed, rules.NO)
    position = func.coalesce(rows.last_position, rules.ZERO)
    listed = _in_order(rows, rows.chapter_id, rows.chapter_id, watched, done, position)
    return (
        select(
            func.count().filter(rows.completed).label("completed"),
            func.coalesce(func.sum(rows.watch_time), rules.ZERO).label("watch_time"),
            func.max(rows.updated_at).label("latest"),
            listed.label("listed"),
        )
        .where(rows.progress_id == of.id)
        .lateral("chapters")
    )


def _quizzes(of: Any) -> Any:
    rows = quiz_scores.c
    tried = func.coalesce(rows.attempts, rules.ONE)
    attempt = (rows.score, rows.max_score, rows.passed, tried, rows.completed_at)
    return (
        select(
            func.count().label("recorded"),
            func.count().filter(rows.passed).label("passed"),
            func.max(rows.updated_at).label("latest"),
            _in_order(rows, rows.quiz_id, rows.quiz_id, *attempt).label("listed"),
        )
        .where(rows.progress_id == of.id)
        .lateral("quizzes")
    )


def answer_columns(progress: Any, chapters: Any, quizzes: Any) -> tuple[ColumnElement[Any], ...]:
    """What every unit returns: one row, in the order of the fields of `Progress`."""
    return (
        progress.tutorial_id,
        progress.user_id,
        func.coalesce(progress.completion_percentage, rules.ZERO),
        func.coalesce(progress.chapters_completed, rules.ZERO),
        func.coalesce(progress.total_chapters, rules.ZERO),
        chapters,
        quizzes,
        func.coalesce(progress.certificate_eligible, rules.NO),
        func.coalesce(progress.certificate_earned, rules.NO),
        func.coalesce(progress.total_watch_time, rules.ZERO),
        progress.last_watched_at,
    )


def change_columns(progress: Any, found: Any) -> tuple[ColumnElement[Any], ...]:
    """What a recount also returns: whether anything was recorded, and chapters it completed.

    Args:
        progress: the learner's row after the write.
        found: the same row before it, as `found_progress` has it.
    """
    more = func.coalesce(progress.chapters_completed, rules.ZERO) - found.completed_before
    return (
        progress.updated_at.is_distinct_from(found.updated_at),
        func.greatest(more, rules.ZERO),
    )


def stored_progress() -> Select[Any]:
    """The answer as it is stored, in one snapshot, so that its counts and its lists agree."""
    stored = tutorial_progress.c
    chapters, quizzes = _chapters(stored), _quizzes(stored)
    return (
        select(*answer_columns(stored, chapters.c.listed, quizzes.c.listed))
        .select_from(tutorial_progress.join(chapters, true()).join(quizzes, true()))
        .where(*of_learner(stored))
    )


def found_progress() -> Subquery:
    """The learner's row as it is under the lock, and all that is recorded below it."""
    stored = tutorial_progress.alias("stored")
    chapters, quizzes = _chapters(stored.c), _quizzes(stored.c)
    columns: tuple[Any, ...] = (
        stored.c.id,
        stored.c.updated_at,
        func.coalesce(stored.c.certificate_earned, rules.NO).label("was_earned"),
        func.coalesce(stored.c.chapters_completed, rules.ZERO).label("completed_before"),
        chapters.c.completed.label("chapters_completed"),
        chapters.c.watch_time,
        func.greatest(chapters.c.latest, quizzes.c.latest).label("latest"),
        chapters.c.listed.label("chapters"),
        quizzes.c.recorded.label("quizzes_recorded"),
        quizzes.c.passed.label("quizzes_passed"),
        quizzes.c.listed.label("quizzes"),
    )
    source = stored.join(chapters, true()).join(quizzes, true())
    return select(*columns).select_from(source).where(*of_learner(stored.c)).subquery("found")
