"""The statement of a report about all learners of a tutorial, built once (spec 15.1, 15.2).

It joins whole tables, which is fast for many learners; a page of learners looks up the rows below
each of them instead, which is fast for a few.
"""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Numeric,
    Select,
    cast,
    collate,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from progress_api.database import Statement, Statements
from progress_api.progress import rules
from progress_api.progress.selects.below import set_of
from progress_api.reports.counts import (
    NOTHING,
    TIMEOUT_AND_HASHES,
    TUTORIAL,
    completed_chapters,
    current,
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
_EARLY: ColumnElement[Any] = literal_column("timestamp '2000-01-01'")
_FAR: ColumnElement[Any] = literal_column("timestamp '2500-01-01'")
_KEY_LENGTH = literal_column("33", Integer)  # after two times of 8 bytes, in hexadecimal digits
_ONE_DECIMAL = literal_column("1", Integer)
_HUNDRED = literal_column("100", Numeric)


def _outline() -> Any:
    """Return the columns of the outline, each read once; NULL without one."""
    outline = tutorial_outlines.c
    sets = set_of(outline.chapter_ids).label("chapters"), set_of(outline.quiz_ids).label("quizzes")
    found = {
        column.name: select(column).where(outline.tutorial_id == TUTORIAL).scalar_subquery()
        for column in (*outline, *sets)
    }
    return SimpleNamespace(**found)


def _mirrored(time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return 8 bytes that sort before those of earlier times."""
    return func.timestamp_send(_FAR - (func.greatest(time, _EARLY) - _EARLY))


def _latest_chapter(rows: Any) -> ColumnElement[str]:
    """Return the chapter that was recorded last, as the list of tutorials has it (spec 11.1).

    Its id follows its times in one text, of which the least is taken: sorting the chapters of all
    learners would take several times as long.
    """
    times = _mirrored(rules.recorded_at(rows)).op("||")(_mirrored(rows.updated_at))
    key = func.concat(func.encode(times, literal_column("'hex'")), rows.chapter_id)
    return func.substr(func.min(collate(key, "C")), _KEY_LENGTH)


def _learners() -> Any:
    """Select each learner of the tutorial, with the percentage that a GET has."""
    stored, outline, rows = tutorial_progress.c, _outline(), chapter_progress.c
    counted = (
        select(
            # Of one tutorial a learner has one row, and distributed tables join by learner alone.
            rows.user_id,
            completed_chapters(rows, outline).label("completed"),
            _latest_chapter(rows).label("chapter_id"),
        )
        .select_from(tutorial_progress.join(chapter_progress, of_one_learner(rows, stored)))
        .where(stored.tutorial_id == TUTORIAL)
        .group_by(rows.user_id)
        .subquery("counted")
    )
    percentage = current(stored, outline, counted.c.completed).completion_percentage
    return (
        select(
            stored.id,
            stored.user_id,
            stored.last_watched_at,
            func.coalesce(stored.certificate_earned, rules.NO).label("earned"),
            func.coalesce(stored.total_watch_time, rules.ZERO).label("watch_time"),
            percentage.label("percentage"),
            counted.c.chapter_id,
        )
        .select_from(tutorial_progress.outerjoin(counted, counted.c.user_id == stored.user_id))
        .where(stored.tutorial_id == TUTORIAL, stored.user_id.is_not(None))
        .cte("learners")
    )


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
        # Not the learners that are selected already: only tables are read in parallel.
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
    return _listed(recorded, planned, title, *(func.coalesce(one, rules.ZERO) for one in zero))


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
    return _listed(recorded, planned, title, *(func.coalesce(one, rules.ZERO) for one in zero))


def _report() -> Select[Any]:
    learners = _learners()
    outline = tutorial_outlines.c
    title = select(outline.title).where(outline.tutorial_id == TUTORIAL).scalar_subquery()
    return select(
        title.label("title"),
        _totals(learners).label("totals"),
        _chapters(learners).label("chapters"),
        _quizzes(learners).label("quizzes"),
        utc_now().label("as_of"),
    )


REPORT = Statements(TIMEOUT_AND_HASHES, Statement(_report()))
