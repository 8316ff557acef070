"""The counts of many learners, by the rules of `progress.rules` (spec 15.3)."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, String, and_, bindparam, case, func, literal_column, select

from progress_api.database import Statement
from progress_api.progress import rules

TUTORIAL = bindparam("of_tutorial", type_=String)
NOTHING: ColumnElement[Any] = literal_column("'[]'::json")


def _setting(name: str, value: Any) -> ColumnElement[Any]:
    """Set a setting of the server for the transaction of the report only."""
    return func.set_config(literal_column(f"'{name}'"), value, rules.YES)


_LIMITS = (
    _setting("statement_timeout", bindparam("timeout", type_=String)),
    _setting("work_mem", literal_column("'128MB'")),
)
TIMEOUT = Statement(select(*_LIMITS))
# PostgreSQL takes the two columns of a join for independent, expects next to no rows, and would
# sort them all in order to group them.
TIMEOUT_AND_HASHES = Statement(select(*_LIMITS, _setting("enable_sort", literal_column("'off'"))))


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
