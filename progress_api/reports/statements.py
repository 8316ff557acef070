"""The statement of a report about all learners of a tutorial, built once (spec 15.1, 15.2).

It joins whole tables, which is fast for many learners; a page of learners looks up the rows below
each of them instead, which is fast for a few.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Numeric,
    Select,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from progress_api.database import Statement, Statements
from progress_api.progress import rules
from progress_api.reports.counts import (
    NOTHING,
    SETTINGS,
    TUTORIAL,
    all_learners,
    of_one_learner,
)
from progress_api.schema.tables import (
    chapter_progress,
    quiz_scores,
    tutorial_outlines,
    tutorial_progress,
)
from progress_api.schema.times import utc_now

# Chapters, and quizzes, of one report beside those of the outline: a player can invent any.
MOST_PARTS = 1000
_WEEK: ColumnElement[Any] = literal_column("interval '7 days'")
_ONE_DECIMAL = literal_column("1", Integer)
_HUNDRED = literal_column("100", Numeric)


def _average(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the average with one decimal, or 0."""
    average = func.round(func.avg(value), _ONE_DECIMAL)
    return func.coalesce(average, rules.ZERO)


def _totals(learners: Any) -> Any:
    rows = learners.c
    is_active = rows.last_watched_at > utc_now() - _WEEK
    totals = func.json_build_array(
        func.count(),
        func.count().filter(is_active),
        func.count().filter(rows.percentage == _HUNDRED),
        func.count().filter(rows.earned),
        _average(rows.percentage),
        func.coalesce(func.sum(cast(rows.watch_time, BigInteger)), rules.ZERO),
    )
    return select(totals).select_from(learners).scalar_subquery()


def _stopped(learners: Any) -> Any:
    """Count the learners below 100 percent by their latest chapter (spec 15.2)."""
    return (
        select(learners.c.chapter_id, func.count().label("stopped"))
        .where(learners.c.percentage < _HUNDRED)
        .group_by(learners.c.chapter_id)
        .subquery("stopped")
    )


def _planned(ids: ColumnElement[Any], details: ColumnElement[Any]) -> Any:
    """Select each id of the outline, with its place and its details as JSON."""
    element = func.unnest(ids).table_valued("id", with_ordinality="place", name="planned")
    planned = element.render_derived()
    at = cast(planned.c.place - rules.ONE, Integer)
    return (
        select(planned.c.id, planned.c.place, details.op("->")(at).label("details"))
        .select_from(tutorial_outlines.join(planned, true()))
        .where(tutorial_outlines.c.tutorial_id == TUTORIAL)
    )


def _listed(recorded: Any, planned: Any, title: Any, *columns: Any) -> Any:
    """List what is planned, then what else is recorded, by its learners (spec 15.2)."""
    parts = planned.outerjoin(recorded, recorded.c.id == planned.c.id, full=True)
    learners = func.coalesce(recorded.c.learners, rules.ZERO)
    part_id = func.coalesce(planned.c.id, recorded.c.id)
    listed = (
        select(
            func.json_build_array(part_id, title, learners, *columns).label("part"),
            planned.c.place.label("place"),
            learners.label("learners"),
            part_id.label("id"),
        )
        .select_from(parts)
        .order_by(planned.c.place.asc().nulls_last(), learners.desc(), part_id)
        .limit(literal_column(str(2 * MOST_PARTS)))
        .subquery("listed")
    )
    in_order = aggregate_order_by(
        listed.c.part, listed.c.place.asc().nulls_last(), listed.c.learners.desc(), listed.c.id
    )
    return select(func.coalesce(func.json_agg(in_order), NOTHING)).scalar_subquery()


def _chapters(learners: Any) -> Any:
    rows, stored = chapter_progress.c, tutorial_progress.c
    stopped = _stopped(learners)
    of_chapter = (
        select(
            rows.chapter_id.label("id"),
            func.count().label("learners"),
            func.count().filter(rows.completed).label("completed"),
            _average(func.coalesce(rows.watch_time, rules.ZERO)).label("watch_time"),
        )
        .select_from(tutorial_progress.join(chapter_progress, of_one_learner(rows, stored)))
        .where(stored.tutorial_id == TUTORIAL, stored.user_id.is_not(None))
        .group_by(rows.chapter_id)
        .subquery("of_chapter")
    )
    recorded = (
        select(of_chapter, stopped.c.stopped)
        .select_from(of_chapter.outerjoin(stopped, stopped.c.chapter_id == of_chapter.c.id))
        .subquery("recorded")
    )
    outline = tutorial_outlines.c
    details = outline.details.op("->")(literal_column("'chapters'"))
    planned = _planned(outline.chapter_ids, details).subquery("planned_chapters")
    zero = (recorded.c.completed, recorded.c.watch_time, recorded.c.stopped)
    title = planned.c.details.op("->>")(rules.ZERO)
    return _listed(recorded, planned, title, *(func.coalesce(count, rules.ZERO) for count in zero))


def _quizzes(learners: Any) -> Any:
    rows = quiz_scores.c
    share = _HUNDRED * rows.score / rows.max_score
    recorded = (
        select(
            rows.quiz_id.label("id"),
            func.count().label("learners"),
            func.count().filter(rows.passed).label("passed"),
            _average(func.coalesce(rows.attempts, rules.ONE)).label("attempts"),
            _average(share).label("score"),
        )
        .select_from(learners.join(quiz_scores, of_one_learner(rows, learners.c)))
        .group_by(rows.quiz_id)
        .subquery("recorded")
    )
    outline = tutorial_outlines.c
    details = outline.details.op("->")(literal_column("'quizzes'"))
    planned = _planned(outline.quiz_ids, details).subquery("planned_quizzes")
    title = planned.c.details.op("#>>")(literal_column("'{}'"))
    zero = (recorded.c.passed, recorded.c.attempts, recorded.c.score)
    return _listed(recorded, planned, title, *(func.coalesce(count, rules.ZERO) for count in zero))


def _report() -> Select[Any]:
    learners = all_learners()
    outline = tutorial_outlines.c
    title = select(outline.title).where(outline.tutorial_id == TUTORIAL).scalar_subquery()
    return select(
        title.label("title"),
        _totals(learners).label("totals"),
        _chapters(learners).label("chapters"),
        _quizzes(learners).label("quizzes"),
        utc_now().label("as_of"),
    )


REPORT = Statements(SETTINGS, Statement(_report()))
