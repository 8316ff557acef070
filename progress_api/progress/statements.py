"""The statements of each endpoint, built once over the natural key (tutorial, learner).

No statement needs another's result, so a batch can travel in one round trip. A write takes the
learner's row lock, records, then recounts under the lock. At READ COMMITTED a statement sees what
was committed before it began. The recount must therefore follow the statement that waits for the
lock, or concurrent writers lose counts (spec 2.2, 2.3).
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Integer,
    String,
    Update,
    Uuid,
    bindparam,
    case,
    cast,
    delete,
    false,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from progress_api.database import StatementBatch
from progress_api.progress import rules, selects
from progress_api.schema.tables import (
    chapter_progress,
    quiz_attempt_keys,
    quiz_scores,
    tutorial_progress,
)

CHAPTER = bindparam("of_chapter", type_=String)
QUIZ = bindparam("of_quiz", type_=String)

_progress = tutorial_progress.c


def _recount(recorded: ColumnElement[bool], total_posted: ColumnElement[int]) -> Update:
    """Update the learner's row from the rows below it, if this batch's chapter or quiz is there.

    The learner's times are those of the latest row, so a repeat that recorded nothing changes
    nothing (spec 2.17, 2.24).
    """
    current = selects.current_progress()
    total = rules.total_chapters(_progress, total_posted)
    percentage = rules.completion_percentage(
        current.c.chapters_completed, total, _progress.certificate_earned
    )
    values: dict[Any, Any] = {
        _progress.total_chapters: total,
        _progress.chapters_completed: current.c.chapters_completed,
        _progress.total_watch_time: rules.total_watch_time(current.c.watch_time),
        _progress.completion_percentage: percentage,
        _progress.certificate_eligible: rules.certificate_eligible(
            percentage, current.c.quizzes_recorded, current.c.quizzes_passed
        ),
        _progress.last_watched_at: func.greatest(_progress.last_watched_at, current.c.latest),
        _progress.updated_at: func.greatest(_progress.updated_at, current.c.latest),
    }
    return (
        update(tutorial_progress)
        .where(*selects.of_learner(_progress), _progress.id == current.c.id, recorded)
        .values(values)
        .returning(
            *selects.progress_columns(_progress, current.c.chapters, current.c.quizzes),
            *selects.change_columns(_progress, current.c),
        )
    )


def _open_progress() -> Any:
    # On a conflict PostgreSQL locks the row even if the WHERE prevents the update. So the lock is
    # taken and no dead row is left behind.
    added = (
        insert(tutorial_progress)
        .inline()
        .values(
            tutorial_id=selects.TUTORIAL,
            user_id=selects.USER,
            created_at=rules.utc_now(),
            updated_at=rules.utc_now(),
        )
    )
    return added.on_conflict_do_update(
        index_elements=[_progress.tutorial_id, _progress.user_id],
        set_={"updated_at": added.excluded.updated_at},
        where=false(),
    )


def _record_chapter() -> Any:
    rows, posted = chapter_progress.c, bindparam("completed", type_=Boolean)
    now = rules.written_at(_progress)
    has_room = rules.has_room(
        chapter_progress, rows.chapter_id == CHAPTER, bindparam("limit", type_=Integer)
    )
    values: dict[str, Any] = {
        "progress_id": _progress.id,
        "chapter_id": CHAPTER,
        "watch_time": bindparam("watch_time", type_=Integer),
        "completed": func.coalesce(posted, rules.NO),
        "last_position": bindparam("last_position", type_=Integer),
        "created_at": now,
        "updated_at": now,
    }
    source = select(*values.values()).where(*selects.of_learner(_progress), has_room)
    added = insert(chapter_progress).from_select(list(values), source)
    return added.on_conflict_do_update(
        index_elements=[rows.progress_id, rows.chapter_id],
        set_={
            "watch_time": rules.watch_time(rows, added.excluded),
            "completed": rules.completed(rows, posted, bindparam("sticky", type_=Boolean)),
            "last_position": added.excluded.last_position,
            "updated_at": added.excluded.updated_at,
        },
    )


_ATTEMPT_KEYS: ColumnElement[Any] = cast(bindparam("attempt_keys", type_=String), ARRAY(Uuid()))


def _record_quiz() -> Any:
    rows, now = quiz_scores.c, rules.written_at(_progress)
    has_room = rules.has_room(quiz_scores, rows.quiz_id == QUIZ, bindparam("limit", type_=Integer))
    values: dict[str, Any] = {
        "progress_id": _progress.id,
        "quiz_id": QUIZ,
        "score": bindparam("score", type_=Integer),
        "max_score": bindparam("max_score", type_=Integer),
        "passed": bindparam("passed", type_=Boolean),
        "completed_at": now,
        "created_at": now,
        "updated_at": now,
    }
    is_new = ~rules.is_repeated_attempt(QUIZ, _ATTEMPT_KEYS)
    source = select(*values.values()).where(*selects.of_learner(_progress), has_room, is_new)
    added = insert(quiz_scores).from_select(list(values), source)
    posted = added.excluded
    score, max_score = rules.best_attempt(rows, posted)
    return added.on_conflict_do_update(
        index_elements=[rows.progress_id, rows.quiz_id],
        set_={
            "score": score,
            "max_score": max_score,
            "passed": rules.passed(rows, posted),
            "attempts": rules.attempts(rows),
            "completed_at": posted.completed_at,
            "updated_at": posted.updated_at,
        },
    )


def _remember_attempt() -> Any:
    attempt_key = func.unnest(_ATTEMPT_KEYS)
    of_learner = select(_progress.id).where(*selects.of_learner(_progress)).scalar_subquery()
    source = select(quiz_scores.c.id, attempt_key).where(
        quiz_scores.c.progress_id == of_learner, quiz_scores.c.quiz_id == QUIZ
    )
    columns = ["quiz_score_id", "attempt_key"]
    return insert(quiz_attempt_keys).from_select(columns, source).on_conflict_do_nothing()


def _complete() -> Update:
    current, stored = selects.current_progress(), _progress
    chapters, total = current.c.chapters_completed, func.coalesce(stored.total_chapters, rules.ZERO)
    # Decide by the rows, not by the stored counts: in an adopted table those may be stale.
    reached = rules.completion_percentage(chapters, total, stored.certificate_earned)
    eligible = rules.certificate_eligible(
        reached, current.c.quizzes_recorded, current.c.quizzes_passed
    )
    earned = rules.certificate_earned(stored, eligible)
    newly_earned = earned & ~current.c.was_earned
    now = rules.written_at(stored)
    values: dict[Any, Any] = {
        stored.certificate_eligible: eligible,
        stored.certificate_earned: earned,
        stored.completion_percentage: rules.completion_percentage(chapters, total, earned),
        stored.last_watched_at: case((newly_earned, now), else_=stored.last_watched_at),
        stored.updated_at: case((newly_earned, now), else_=stored.updated_at),
    }
    # If there was no row to lock, one may appear now and change while this statement waits for it.
    is_unchanged = stored.updated_at.is_not_distinct_from(current.c.updated_at)
    return (
        update(tutorial_progress)
        .where(*selects.of_learner(stored), stored.id == current.c.id, is_unchanged)
        .values(values)
        .returning(
            *selects.progress_columns(stored, current.c.chapters, current.c.quizzes),
            # RETURNING shows the row after the update.
            (stored.certificate_earned & ~current.c.was_earned).label("newly_earned"),
        )
    )


_OPEN = _open_progress()
_LOCK = select(_progress.id).where(*selects.of_learner(_progress)).with_for_update(key_share=True)
_CHAPTER_RECORDED = rules.is_recorded(chapter_progress, chapter_progress.c.chapter_id == CHAPTER)
_QUIZ_RECORDED = rules.is_recorded(quiz_scores, quiz_scores.c.quiz_id == QUIZ)

GET_PROGRESS = StatementBatch(selects.stored_progress())

RECORD_CHAPTER = StatementBatch(
    _OPEN,
    _record_chapter(),
    _recount(_CHAPTER_RECORDED, bindparam("total_chapters", type_=Integer)),
)

# The keys are stored after the attempt is counted by them, and under the same row lock.
RECORD_QUIZ = StatementBatch(
    _OPEN,
    _record_quiz(),
    _remember_attempt(),
    _recount(_QUIZ_RECORDED, rules.ZERO),
)

# Lock first: the rows that decide must not change before the decision is written.
COMPLETE = StatementBatch(_LOCK, _complete())

# Foreign keys cascade to the chapters, quizzes and keys.
RESET = StatementBatch(delete(tutorial_progress).where(*selects.of_learner(_progress)))
