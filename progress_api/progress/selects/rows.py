"""The columns that every batch returns, and how they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    func,
)

from progress_api.certificates.records import certificate_of
from progress_api.database import Row
from progress_api.outlines.records import Needs
from progress_api.progress import rules
from progress_api.progress.records import ChapterProgress, Progress, QuizScore


class ProgressRow(NamedTuple):
    """The columns that each batch returns first; its fields are their labels."""

    tutorial_id: str
    user_id: str
    completion_percentage: int
    chapters_completed: int
    total_chapters: int
    chapters: list[list[Any]]
    quizzes: list[list[Any]]
    certificate_eligible: bool
    certificate_earned: bool
    total_watch_time: int
    last_watched_at: datetime | None


class ChangeRow(NamedTuple):
    """The columns that a recount returns after those of `ProgressRow`."""

    is_recorded: bool
    newly_completed: int
    newly_earned: bool


_PROGRESS_COLUMNS = len(ProgressRow._fields)
_CHANGE_COLUMNS = _PROGRESS_COLUMNS + len(ChangeRow._fields)
_NEEDS_COLUMNS = _CHANGE_COLUMNS + len(Needs._fields)


def progress_columns(progress: Any, chapters: Any, quizzes: Any) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a `ProgressRow`.

    Args:
        progress: the columns of the learner's row.
        chapters: the JSON array of its chapters.
        quizzes: the JSON array of its quizzes.
    """
    columns = {
        "tutorial_id": progress.tutorial_id,
        "user_id": progress.user_id,
        "completion_percentage": func.coalesce(progress.completion_percentage, rules.ZERO),
        "chapters_completed": func.coalesce(progress.chapters_completed, rules.ZERO),
        "total_chapters": func.coalesce(progress.total_chapters, rules.ZERO),
        "chapters": chapters,
        "quizzes": quizzes,
        "certificate_eligible": func.coalesce(progress.certificate_eligible, rules.NO),
        "certificate_earned": func.coalesce(progress.certificate_earned, rules.NO),
        "total_watch_time": func.coalesce(progress.total_watch_time, rules.ZERO),
        "last_watched_at": progress.last_watched_at,
    }
    return _labelled(ProgressRow._fields, columns)


def change_columns(progress: Any, current: Any) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a `ChangeRow`.

    Args:
        progress: the columns of the learner's row after the write.
        current: the same row before it, from `current_progress`.
    """
    more = func.coalesce(progress.chapters_completed, rules.ZERO) - current.completed_before
    columns = {
        "is_recorded": progress.updated_at.is_distinct_from(current.updated_at),
        "newly_completed": func.greatest(more, rules.ZERO),
        # RETURNING shows the row after the write.
        "newly_earned": progress.certificate_earned & ~current.was_earned,
    }
    return _labelled(ChangeRow._fields, columns)


def needs_columns(current: Any) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a `Needs`, after those of `ChangeRow`; NULL without an outline.

    Args:
        current: the learner's row before the write, from `current_progress`.
    """
    columns = {
        "percentage": current.outline_percentage,
        "chapter_ids": current.outline_chapter_ids,
        "quiz_ids": current.outline_quiz_ids,
    }
    return _labelled(Needs._fields, columns)


def progress_of(row: Row) -> Progress:
    """Return the progress in the first columns of a row.

    Args:
        row: the result of a batch.
    """
    stored = ProgressRow(*row[:_PROGRESS_COLUMNS])
    return Progress(
        tutorial_id=stored.tutorial_id,
        user_id=stored.user_id,
        completion_percentage=stored.completion_percentage,
        chapters_completed=stored.chapters_completed,
        total_chapters=stored.total_chapters,
        chapter_progress=tuple(map(ChapterProgress._make, stored.chapters)),
        quiz_scores=tuple(map(_quiz_score, stored.quizzes)),
        certificate_eligible=stored.certificate_eligible,
        certificate_earned=stored.certificate_earned,
        total_watch_time=stored.total_watch_time,
        last_watched_at=stored.last_watched_at and stored.last_watched_at.replace(tzinfo=UTC),
    )


def completion_of(row: Row) -> Progress:
    """Return the progress with its certificate, and with what the certificate needs.

    Args:
        row: the result of a batch that ends with a completion.
    """
    needs, certificate = row[_CHANGE_COLUMNS:_NEEDS_COLUMNS], row[_NEEDS_COLUMNS:]
    return replace(
        progress_of(row),
        needs=Needs(*needs) if needs[0] else None,
        certificate=certificate_of(certificate) if certificate[0] else None,
    )


def change_of(row: Row) -> ChangeRow:
    """Return what a recount says about the write.

    Args:
        row: the result of a batch that ends with a recount.
    """
    return ChangeRow(*row[_PROGRESS_COLUMNS:_CHANGE_COLUMNS])


def tenths_of(progress: Progress, more: int) -> range:
    """Return the percentages, 10 to 100, that completed chapters reach with a write.

    Args:
        progress: after the write.
        more: how many chapters it completed.
    """
    done, total = progress.chapters_completed, progress.total_chapters
    if not more or not total:
        return range(0)
    first, last = max(done - more, 0) * 10 // total, min(done, total) * 10 // total
    return range(first * 10 + 10, last * 10 + 1, 10)


def _quiz_score(columns: Sequence[Any]) -> QuizScore:
    quiz_id, score, max_score, passed, attempts, completed_at = columns
    at = datetime.fromisoformat(completed_at).replace(tzinfo=UTC)
    return QuizScore(quiz_id, score, max_score, passed, attempts, at)


def _labelled(
    labels: tuple[str, ...], columns: Mapping[str, ColumnElement[Any]]
) -> tuple[ColumnElement[Any], ...]:
    return tuple(columns[label].label(label) for label in labels)
