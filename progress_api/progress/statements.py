"""The statements of each operation, built once over the natural key (tutorial, learner).

No statement needs another's result, so a batch can travel in one round trip. A write takes the
learner's row lock, records one chapter or quiz or many, then recounts under the lock. The recount
is a later statement, so that it sees what was committed while the lock was awaited (spec 2.2, 2.3).
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    String,
    Update,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    false,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from progress_api.certificates import statements as certificates
from progress_api.database import Statement, Statements
from progress_api.progress import rules, selects
from progress_api.schema.tables import (
    chapter_progress,
    quiz_attempt_keys,
    quiz_scores,
    tutorial_progress,
)
from progress_api.schema.times import NEVER, if_true, utc_now

CHAPTER = bindparam("of_chapter", type_=String)
QUIZ = bindparam("of_quiz", type_=String)
# Not "id": SQLAlchemy would take a parameter with the name of a column as its value.
_ID = bindparam("new_id", type_=Uuid(as_uuid=False))
_AT = bindparam("at", type_=TIMESTAMP)  # NULL for now
_STEP = bindparam("step", type_=Integer)  # the place in the batch, 0 for a single post
_LIMIT = bindparam("limit", type_=Integer)

_progress = tutorial_progress.c
_LAST_CHAPTER = selects.last_chapter(_progress)  # a plain chapter post stores its own chapter


def _counts(current: Any, posted: ColumnElement[int], last_chapter: Any) -> dict[Any, Any]:
    """Return the columns that follow from the rows below the learner's row.

    The times are those of the latest row, so a repeat changes nothing (spec 2.17, 2.24).
    """
    counts = rules.counts(_progress, current, posted)
    updated_at = func.greatest(_progress.updated_at, current.latest)
    return {
        _progress.total_chapters: counts.total_chapters,
        _progress.chapters_completed: counts.chapters_completed,
        _progress.total_watch_time: rules.total_watch_time(current.watch_time),
        _progress.completion_percentage: counts.completion_percentage,
        _progress.certificate_eligible: counts.certificate_eligible,
        _progress.last_watched_at: func.greatest(_progress.last_watched_at, current.watched),
        _progress.updated_at: updated_at,
        _progress.last_chapter_id: last_chapter,
        _progress.counted_at: updated_at,
        _progress.outline_updated_at: current.outline_updated_at,
    }


def _recount(recorded: ColumnElement[bool], total: ColumnElement[int], last_chapter: Any) -> Update:
    """Update the learner's row from the rows below it, if this batch's chapter or quiz is there."""
    current = selects.current_progress()
    return _update(current, _counts(current.c, total, last_chapter), recorded)


def _recount_and_complete() -> Select[Any]:
    """Update the learner's row, and earn and issue the certificate if it is asked for.

    The rows decide, not the stored counts: in an adopted table those may be stale.
    """
    current, asked = selects.current_with_posted_total(), bindparam("completes", type_=Boolean)
    values = _counts(current.c, current.c.total, _LAST_CHAPTER)
    eligible = values[_progress.certificate_eligible]
    earned = rules.certificate_earned(_progress, and_(asked, eligible))
    happened = rules.happened_at(_AT, rules.written_at(_progress))
    # NULL if it is not earned now: GREATEST ignores it.
    earned_at = func.nullif(if_true(earned & ~current.c.was_earned, happened), NEVER)
    updated_at = func.greatest(values[_progress.updated_at], earned_at)
    values |= {
        _progress.certificate_earned: earned,
        _progress.completion_percentage: rules.completion_percentage(
            current.c.chapters_completed, values[_progress.total_chapters], earned
        ),
        _progress.last_watched_at: func.greatest(values[_progress.last_watched_at], earned_at),
        _progress.updated_at: updated_at,
        _progress.counted_at: updated_at,
    }
    # If there was no row to lock, one may appear now and change while this statement waits for it.
    is_unchanged = _progress.updated_at.is_not_distinct_from(current.c.updated_at)
    decided = _update(current, values, is_unchanged)
    decided = decided.returning(_progress.updated_at, *selects.needs_columns(current.c))
    earned_row = decided.cte("decided")
    issued = certificates.issue(earned_row, asked)
    columns = [column for column in earned_row.c if column.name != "updated_at"]
    return select(*columns, *issued.c).select_from(earned_row.outerjoin(issued, true()))


def _update(current: Any, values: dict[Any, Any], condition: ColumnElement[bool]) -> Update:
    return (
        update(tutorial_progress)
        .where(*selects.of_learner(_progress), _progress.id == current.c.id, condition)
        .values(values)
        .returning(
            *selects.progress_columns(_progress, current.c.chapters, current.c.quizzes),
            *selects.change_columns(_progress, current.c),
        )
    )


def _open_progress() -> Any:
    # On a conflict PostgreSQL locks the row even if the WHERE prevents the update. So the lock is
    # taken and no dead row is left behind.
    learner = {"tutorial_id": selects.TUTORIAL, "user_id": selects.USER}
    times = {"created_at": utc_now(), "updated_at": utc_now()}
    added = insert(tutorial_progress).inline().values(learner | times)
    return added.on_conflict_do_update(
        index_elements=[_progress.tutorial_id, _progress.user_id],
        set_={"updated_at": added.excluded.updated_at},
        where=false(),
    )


def _record_chapter() -> Any:
    rows, completed = chapter_progress.c, bindparam("completed", type_=Boolean)
    now = rules.written_at(_progress, _STEP)
    happened = rules.happened_at(_AT, now)
    has_room = rules.has_room(chapter_progress, rows.chapter_id == CHAPTER, _LIMIT)
    values: dict[str, Any] = {
        "id": _ID,
        "user_id": selects.USER,
        "progress_id": _progress.id,
        "chapter_id": CHAPTER,
        "watch_time": bindparam("watch_time", type_=Integer),
        "completed": func.coalesce(completed, rules.NO),
        "last_position": bindparam("last_position", type_=Integer),
        "recorded_at": happened,
        "completed_recorded_at": if_true(completed.is_not(None), happened),
        "created_at": now,
        "updated_at": now,
    }
    source = select(*values.values()).where(*selects.of_learner(_progress), has_room)
    added = insert(chapter_progress).from_select(list(values), source)
    posted = added.excluded
    return added.on_conflict_do_update(
        constraint="chapter_progress_progress_id_chapter_id_key",
        set_={
            "watch_time": rules.watch_time(rows, posted),
            "completed": rules.completed(rows, posted, bindparam("sticky", type_=Boolean)),
            "last_position": rules.last_position(rows, posted),
            "recorded_at": func.greatest(rules.recorded_at(rows), posted.recorded_at),
            "completed_recorded_at": func.greatest(
                rules.completed_recorded_at(rows), posted.completed_recorded_at
            ),
            "updated_at": posted.updated_at,
        },
    )


_ATTEMPT_KEYS: ColumnElement[Any] = cast(bindparam("attempt_keys", type_=String), ARRAY(Uuid()))


def _record_quiz() -> Any:
    rows, now = quiz_scores.c, rules.written_at(_progress, _STEP)
    has_room = rules.has_room(quiz_scores, rows.quiz_id == QUIZ, _LIMIT)
    values: dict[str, Any] = {
        "id": _ID,
        "user_id": selects.USER,
        "progress_id": _progress.id,
        "quiz_id": QUIZ,
        "score": bindparam("score", type_=Integer),
        "max_score": bindparam("max_score", type_=Integer),
        "passed": bindparam("passed", type_=Boolean),
        "completed_at": rules.happened_at(_AT, now),
        "created_at": now,
        "updated_at": now,
    }
    is_new = ~rules.is_repeated_attempt(QUIZ, _ATTEMPT_KEYS)
    source = select(*values.values()).where(*selects.of_learner(_progress), has_room, is_new)
    added = insert(quiz_scores).from_select(list(values), source)
    posted = added.excluded
    score, max_score = rules.best_attempt(rows, posted)
    return added.on_conflict_do_update(
        constraint="quiz_scores_progress_id_quiz_id_key",
        set_={
            "score": score,
            "max_score": max_score,
            "passed": rules.passed(rows, posted),
            "attempts": rules.attempts(rows),
            "completed_at": func.greatest(rows.completed_at, posted.completed_at),
            "updated_at": posted.updated_at,
        },
    )


def _remember_attempt() -> Any:
    attempt_key = func.unnest(_ATTEMPT_KEYS)
    of_learner = select(_progress.id).where(*selects.of_learner(_progress)).scalar_subquery()
    source = select(quiz_scores.c.id, attempt_key, selects.USER).where(
        quiz_scores.c.progress_id == of_learner,
        quiz_scores.c.user_id == selects.USER,
        quiz_scores.c.quiz_id == QUIZ,
    )
    columns = ["quiz_score_id", "attempt_key", "user_id"]
    return insert(quiz_attempt_keys).from_select(columns, source).on_conflict_do_nothing()


_LOCK = Statement(
    select(_progress.id).where(*selects.of_learner(_progress)).with_for_update(key_share=True)
)
_CHAPTER_RECORDED = rules.is_recorded(chapter_progress, chapter_progress.c.chapter_id == CHAPTER)
_QUIZ_RECORDED = rules.is_recorded(quiz_scores, quiz_scores.c.quiz_id == QUIZ)

OPEN = Statement(_open_progress())
CHAPTER_ALONE = Statement(_record_chapter())
# The keys are stored after the attempt is counted by them, and under the same row lock.
QUIZ_ALONE = Statement(_record_quiz()), Statement(_remember_attempt())
RECOUNT_AND_COMPLETE = Statement(_recount_and_complete())

GET_STORED = Statements(Statement(selects.stored_progress()))
GET_COUNTED = Statements(Statement(selects.counted_progress()))
_TOTAL = bindparam("total_chapters", type_=Integer)
RECORD_CHAPTER = Statements(
    OPEN, CHAPTER_ALONE, Statement(_recount(_CHAPTER_RECORDED, _TOTAL, CHAPTER))
)
RECORD_QUIZ = Statements(
    OPEN, *QUIZ_ALONE, Statement(_recount(_QUIZ_RECORDED, rules.ZERO, _LAST_CHAPTER))
)
# Lock first: the rows that decide must not change before the decision is written.
COMPLETE = Statements(_LOCK, RECOUNT_AND_COMPLETE)
# Foreign keys cascade to the chapters, quizzes and keys.
RESET = Statements(Statement(delete(tutorial_progress).where(*selects.of_learner(_progress))))
