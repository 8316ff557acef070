"""Select a learner's row of a tutorial, with its chapters and quizzes, and read the result."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.selectable import FromClause

from progress_api.certificates.records import certificate_of
from progress_api.database import Row
from progress_api.progress import rules
from progress_api.progress.records import ChapterProgress, Needs, Progress, QuizScore
from progress_api.schema.tables import (
    chapter_progress,
    quiz_scores,
    tutorial_outlines,
    tutorial_progress,
)

TUTORIAL, USER = bindparam("of_tutorial", type_=String), rules.USER


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


def of_learner(columns: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that select one learner's row of one tutorial."""
    return columns.tutorial_id == TUTORIAL, columns.user_id == USER


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


def stored_progress() -> Select[Any]:
    """Select the progress in one snapshot, so that its counts, its lists and its outline agree."""
    # A row also where nothing is recorded: an outline says how many chapters there are.
    asked = select(TUTORIAL.label("tutorial_id"), USER.label("user_id")).subquery("asked")
    progress, stored = tutorial_progress, tutorial_progress.c
    below = Below.of(asked.outerjoin(progress, and_(*of_learner(stored))), stored, TUTORIAL)
    current = current_counts(stored, below)
    current.tutorial_id, current.user_id = asked.c.tutorial_id, asked.c.user_id
    return select(
        *progress_columns(current, below.chapters.c.listed, below.quizzes.c.listed)
    ).select_from(below.source)


class Below(NamedTuple):
    """A learner's row, what is recorded below it, and the outline of its tutorial if it has one."""

    source: FromClause
    outline: Any
    chapters: Any
    quizzes: Any

    @classmethod
    def of(
        cls, source: Any, stored: Any, tutorial_id: Any, *conditions: ColumnElement[bool]
    ) -> "Below":
        """Join the outline, the chapters and the quizzes to a learner's row.

        Args:
            source: has the row.
            stored: the columns of the row.
            tutorial_id: of the row.
            conditions: if given, chapters and quizzes are read only where they are true.
        """
        outline = tutorial_outlines.alias("outline")
        chapters = _chapters(stored, outline.c).where(*conditions).lateral("chapters")
        quizzes = _quizzes(stored, outline.c).where(*conditions).lateral("quizzes")
        joined = source.outerjoin(outline, outline.c.tutorial_id == tutorial_id)
        joined = joined.join(chapters, true()).join(quizzes, true())
        return cls(joined, outline, chapters, quizzes)

    @property
    def recorded(self) -> SimpleNamespace:
        """The columns that `rules.counts` takes."""
        outline = self.outline.c
        return SimpleNamespace(
            chapters_completed=self.chapters.c.completed,
            quizzes_recorded=self.quizzes.c.recorded,
            quizzes_passed=self.quizzes.c.passed,
            outline_chapters=func.cardinality(outline.chapter_ids),
            outline_quizzes=func.cardinality(outline.quiz_ids),
            outline_percentage=outline.certificate_percentage,
        )


def current_counts(stored: Any, below: Below) -> SimpleNamespace:
    """Return the columns of a learner's row, with the counts of today (spec 13.3).

    The stored counts are right if the tutorial never had an outline.

    Args:
        stored: the columns of the row.
        below: what is below it.
    """
    columns = dict(stored.items())
    for name, count in rules.counts(stored, below.recorded)._asdict().items():
        is_stored = below.outline.c.tutorial_id.is_(None)
        columns[name] = case((is_stored, stored[name]), else_=count)
    return SimpleNamespace(**columns)


def current_progress() -> Subquery:
    """Select the learner's row as it is under the lock, with all that is recorded below it."""
    stored = tutorial_progress.alias("stored")
    below = Below.of(stored, stored.c, TUTORIAL)
    chapters, quizzes, outline = below.chapters, below.quizzes, below.outline.c
    columns: tuple[Any, ...] = (
        stored.c.id,
        stored.c.updated_at,
        func.coalesce(stored.c.certificate_earned, rules.NO).label("was_earned"),
        func.coalesce(stored.c.chapters_completed, rules.ZERO).label("completed_before"),
        *(column.label(name) for name, column in vars(below.recorded).items()),
        outline.chapter_ids.label("outline_chapter_ids"),
        outline.quiz_ids.label("outline_quiz_ids"),
        chapters.c.watch_time,
        func.greatest(chapters.c.latest, quizzes.c.latest).label("latest"),
        func.greatest(chapters.c.watched, quizzes.c.watched).label("watched"),
        chapters.c.listed.label("chapters"),
        quizzes.c.listed.label("quizzes"),
    )
    return (
        select(*columns).select_from(below.source).where(*of_learner(stored.c)).subquery("current")
    )


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


def _quiz_score(columns: Sequence[Any]) -> QuizScore:
    quiz_id, score, max_score, passed, attempts, completed_at = columns
    at = datetime.fromisoformat(completed_at).replace(tzinfo=UTC)
    return QuizScore(quiz_id, score, max_score, passed, attempts, at)


def _labelled(
    labels: tuple[str, ...], columns: Mapping[str, ColumnElement[Any]]
) -> tuple[ColumnElement[Any], ...]:
    return tuple(columns[label].label(label) for label in labels)


def _json_array(
    rows: Any, tie_break: ColumnElement[Any], *columns: ColumnElement[Any]
) -> ColumnElement[Any]:
    """Aggregate rows as a JSON array of arrays, in the order first recorded (spec 2.26)."""
    values = func.json_build_array(*columns)
    listed = aggregate_order_by(values, rows.created_at, tie_break)
    return func.coalesce(func.json_agg(listed), literal_column("'[]'::json"))


def _chapters(progress: Any, outline: Any) -> Select[Any]:
    rows = chapter_progress.c
    watch_time = func.coalesce(rows.watch_time, rules.ZERO)
    completed = func.coalesce(rows.completed, rules.NO)
    position = func.coalesce(rows.last_position, rules.ZERO)
    listed = _json_array(rows, rows.chapter_id, rows.chapter_id, watch_time, completed, position)
    counts = rules.is_in_outline(outline.chapter_ids, rows.chapter_id)
    return select(
        func.count().filter(rows.completed, counts).label("completed"),
        func.coalesce(func.sum(rows.watch_time), rules.ZERO).label("watch_time"),
        func.max(rows.updated_at).label("latest"),
        func.nullif(func.max(rules.recorded_at(rows)), rules.NEVER).label("watched"),
        listed.label("listed"),
    ).where(*rules.of_progress(chapter_progress, progress))


def _quizzes(progress: Any, outline: Any) -> Select[Any]:
    rows = quiz_scores.c
    attempts = func.coalesce(rows.attempts, rules.ONE)
    columns = (rows.quiz_id, rows.score, rows.max_score, rows.passed, attempts, rows.completed_at)
    counts = rules.is_in_outline(outline.quiz_ids, rows.quiz_id)
    return select(
        func.count().label("recorded"),
        func.count().filter(rows.passed, counts).label("passed"),
        func.max(rows.updated_at).label("latest"),
        func.max(rows.completed_at).label("watched"),
        _json_array(rows, rows.quiz_id, *columns).label("listed"),
    ).where(*rules.of_progress(quiz_scores, progress))
