"""Select what is recorded below a learner's row, and the outline of its tutorial."""

from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    collate,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.sql.selectable import FromClause

from progress_api.progress import rules
from progress_api.schema.tables import (
    chapter_progress,
    quiz_scores,
    tutorial_outlines,
)
from progress_api.schema.times import NEVER


class Below(NamedTuple):
    """A learner's row, what is recorded below it, and the outline of its tutorial if it has one."""

    source: FromClause
    outline: Any
    chapters: Any
    quizzes: Any

    @classmethod
    def of(
        cls, source: Any, stored: Any, tutorial_id: Any, *, only_if_outdated: bool = False
    ) -> "Below":
        """Join the outline, the chapters and the quizzes to a learner's row.

        Args:
            source: has the row.
            stored: the columns of the row.
            tutorial_id: of the row.
            only_if_outdated: whether chapters and quizzes are read only if the stored counts were
                made with another outline.
        """
        outline = outline_of(tutorial_id)
        conditions = [~has_current_counts(stored, outline.c)] if only_if_outdated else []
        chapters = _chapters(stored, outline.c).where(*conditions).lateral("chapters")
        quizzes = _quizzes(stored, outline.c).where(*conditions).lateral("quizzes")
        joined = source.outerjoin(outline, true())
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


def has_current_counts(stored: Any, outline: Any) -> ColumnElement[bool]:
    """Return whether the stored counts were made with the outline of today (spec 13.3).

    A version that knows no outlines, which may still run during a roll-out, changes `updated_at`.

    Args:
        stored: the columns of a learner's row.
        outline: the columns of the outline, all NULL if the tutorial never had one.
    """
    return and_(
        stored.outline_updated_at.is_not_distinct_from(outline.updated_at),
        or_(outline.updated_at.is_(None), is_counted(stored)),
    )


def is_counted(stored: Any) -> ColumnElement[bool]:
    """Return whether the last write to a learner's row stored the last chapter and the counts.

    Args:
        stored: the columns of the row.
    """
    return func.coalesce(stored.counted_at == stored.updated_at, rules.NO)


def latest_first(rows: Any) -> tuple[ColumnElement[Any], ...]:
    """Return the order of a learner's chapters in which the one recorded last is first (spec 11.1).

    Args:
        rows: the columns of the chapters.
    """
    updated_at = rows.updated_at.desc().nulls_last()
    return rules.recorded_at(rows).desc(), updated_at, collate(rows.chapter_id, "C")


def current_counts(stored: Any, below: Below) -> SimpleNamespace:
    """Return the columns of a learner's row, with the counts of today (spec 13.3).

    The stored counts are right if they were made with the outline of today.

    Args:
        stored: the columns of the row.
        below: what is below it.
    """
    columns = dict(stored.items())
    for name, count in rules.counts(stored, below.recorded)._asdict().items():
        is_stored = has_current_counts(stored, below.outline.c)
        columns[name] = case((is_stored, stored[name]), else_=count)
    return SimpleNamespace(**columns)


def _json_array(
    rows: Any, tie_break: ColumnElement[Any], *columns: ColumnElement[Any]
) -> ColumnElement[Any]:
    """Aggregate rows as a JSON array of arrays, in the order first recorded (spec 2.26)."""
    values = func.json_build_array(*columns)
    listed = aggregate_order_by(values, rows.created_at, tie_break)
    return func.coalesce(func.json_agg(listed), literal_column("'[]'::json"))


def outline_of(tutorial_id: Any) -> Any:
    """Select the outline beside a learner's row.

    OFFSET 0 keeps PostgreSQL from merging this into the outer query and making a set for each row.

    Args:
        tutorial_id: of the outline.
    """
    return stored_outline(tutorial_id).offset(rules.ZERO).lateral("outline")


def stored_outline(tutorial_id: Any) -> Select[Any]:
    """Select the outline, with its ids as sets, in which each chapter and quiz is looked up.

    Args:
        tutorial_id: of the outline.
    """
    stored = tutorial_outlines.c
    return select(
        stored.tutorial_id,
        stored.title,
        stored.certificate_percentage,
        stored.chapter_ids,
        stored.quiz_ids,
        stored.updated_at,
        set_of(stored.chapter_ids).label("chapters"),
        set_of(stored.quiz_ids).label("quizzes"),
    ).where(stored.tutorial_id == tutorial_id)


def set_of(ids: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an array of ids as the keys of a JSON object, for `rules.is_in_outline`.

    Args:
        ids: an array; NULL without an outline.
    """
    texts = cast(ids, ARRAY(Text))
    return func.jsonb_object(texts, texts, type_=JSONB)


def _listed_chapters() -> ColumnElement[Any]:
    rows = chapter_progress.c
    watch_time = func.coalesce(rows.watch_time, rules.ZERO)
    completed = func.coalesce(rows.completed, rules.NO)
    position = func.coalesce(rows.last_position, rules.ZERO)
    return _json_array(rows, rows.chapter_id, rows.chapter_id, watch_time, completed, position)


def _listed_quizzes() -> ColumnElement[Any]:
    rows = quiz_scores.c
    attempts = func.coalesce(rows.attempts, rules.ONE)
    columns = (rows.quiz_id, rows.score, rows.max_score, rows.passed, attempts, rows.completed_at)
    return _json_array(rows, rows.quiz_id, *columns)


def listed_below(progress: Any) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the JSON arrays of the chapters and of the quizzes below a learner's row, uncounted.

    Args:
        progress: the columns of the row.
    """
    chapters = select(_listed_chapters()).where(*rules.of_progress(chapter_progress, progress))
    quizzes = select(_listed_quizzes()).where(*rules.of_progress(quiz_scores, progress))
    return chapters.scalar_subquery(), quizzes.scalar_subquery()


def completed_chapters(rows: Any, outline: Any) -> ColumnElement[int]:
    """Count the completed chapters that count (spec 13.3).

    Args:
        rows: the columns of the chapters.
        outline: the columns of `outline_of`.
    """
    counts = rules.is_in_outline(outline.chapters, rows.chapter_id)
    return func.count().filter(rows.completed, counts)


def passed_quizzes(rows: Any, outline: Any) -> ColumnElement[int]:
    """Count the passed quizzes that count (spec 13.3).

    Args:
        rows: the columns of the quizzes.
        outline: the columns of `outline_of`.
    """
    counts = rules.is_in_outline(outline.quizzes, rows.quiz_id)
    return func.count().filter(rows.passed, counts)


def last_chapter(progress: Any) -> ColumnElement[Any]:
    """Select the id of the chapter that was recorded last; NULL without chapters.

    Args:
        progress: the columns of the learner's row.
    """
    rows = chapter_progress.c
    of_learner = select(rows.chapter_id).where(*rules.of_progress(chapter_progress, progress))
    latest = of_learner.order_by(*latest_first(rows)).limit(rules.ONE).scalar_subquery()
    return latest.correlate_except(chapter_progress)


def _chapters(progress: Any, outline: Any) -> Select[Any]:
    rows = chapter_progress.c
    return select(
        completed_chapters(rows, outline).label("completed"),
        func.coalesce(func.sum(rows.watch_time), rules.ZERO).label("watch_time"),
        func.max(rows.updated_at).label("latest"),
        func.nullif(func.max(rules.recorded_at(rows)), NEVER).label("watched"),
        _listed_chapters().label("listed"),
    ).where(*rules.of_progress(chapter_progress, progress))


def _quizzes(progress: Any, outline: Any) -> Select[Any]:
    rows = quiz_scores.c
    return select(
        func.count().label("recorded"),
        passed_quizzes(rows, outline).label("passed"),
        func.max(rows.updated_at).label("latest"),
        func.max(rows.completed_at).label("watched"),
        _listed_quizzes().label("listed"),
    ).where(*rules.of_progress(quiz_scores, progress))
