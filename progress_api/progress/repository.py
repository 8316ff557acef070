"""What the service remembers: each learner's progress in each tutorial."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Engine
from sqlalchemy.orm import Session, scoped_session

from progress_api.database import (
    AnySession,
    EngineExecutor,
    Executor,
    Row,
    SessionExecutor,
    StatementBatch,
)
from progress_api.exceptions import (
    NotEligible,
    ProgressNotFound,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.progress import rules, statements
from progress_api.progress.observer import NullObserver, Observer
from progress_api.progress.records import (
    Chapter,
    ChapterProgress,
    Policy,
    Progress,
    QuizAttempt,
    QuizScore,
)
from progress_api.validation import require_ids

Hook = Callable[[Progress], object]
_log = logging.getLogger("progress_api.repository")


class ProgressRepository:
    """Reads and records progress by the rules, over HTTP or from an app's own code.

    On an engine each call is one transaction, committed when it returns. On a session each call
    is part of the session's transaction: committed with it, rolled back with it.
    """

    def __init__(  # noqa: PLR0913 - each is something that a host may have
        self,
        bind: Engine | AnySession,
        *,
        policy: Policy | None = None,
        schema: str | None = None,
        one_trip: bool = True,
        on_certificate_earned: Hook | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Record on this engine or session.

        Args:
            bind: of PostgreSQL; a session's isolation level should be READ COMMITTED, its default.
            policy: the settings that are rules; the contract's where not given.
            schema: where the tables are; None for where a connection looks by itself.
            one_trip: whether statements may be prepared on the server; psycopg2 then sends writes
                in one trip on an engine of the service's own. False behind a pooler in
                transaction mode.
            on_certificate_earned: called with the progress after the commit by which a
                certificate is earned, once. What it raises is logged: the certificate stands.
            observer: is told what is done, for whoever counts.
        """
        self._observer = observer or NullObserver()
        self._executor: Executor
        if isinstance(bind, Engine):
            awaited = self._observer.connection_awaited
            self._executor = EngineExecutor(bind, one_trip=one_trip, schema=schema, awaited=awaited)
        elif isinstance(bind, Session | scoped_session):
            self._executor = SessionExecutor(bind, prepares=one_trip, schema=schema)
        else:
            raise TypeError(f"A ProgressRepository is on an Engine or a Session, not on {bind!r}.")
        self._policy = policy or Policy()
        self._on_certificate_earned = on_certificate_earned

    def get(self, user_id: str, tutorial_id: str) -> Progress:
        """Return the learner's progress, the empty one where there is none (endpoint 1).

        Raises:
            DatabaseUnavailable: the database cannot answer now.
        """
        row = self._run(statements.GET_PROGRESS, user_id, tutorial_id)
        return _progress(row) if row else Progress(tutorial_id, user_id)

    def record_chapter(self, user_id: str, tutorial_id: str, chapter: Chapter) -> Progress:
        """Record how far a chapter was watched (guide, step 2, endpoint 2).

        Raises:
            TooManyChapters: nothing was changed.
            DatabaseUnavailable: the database cannot answer now.
        """
        position = chapter.last_position
        row = self._run(
            statements.RECORD_CHAPTER,
            user_id,
            tutorial_id,
            of_chapter=chapter.chapter_id,
            watch_time=chapter.watch_time,
            completed=chapter.completed,
            last_position=chapter.watch_time if position is None else position,
            total_chapters=chapter.total_chapters or 0,
            sticky=self._policy.sticky_completion,
            most=self._policy.max_chapters,
        )
        if row is None:
            raise TooManyChapters
        *answer, _, completed = row
        self._tell(partial(self._observer.chapter_posted, completed=completed))
        return _progress(answer)

    def record_quiz(self, user_id: str, tutorial_id: str, attempt: QuizAttempt) -> Progress:
        """Record an attempt at a quiz, once (guide, step 2, endpoint 3).

        Raises:
            TooManyQuizzes: nothing was changed.
            DatabaseUnavailable: the database cannot answer now.
        """
        row = self._run(
            statements.RECORD_QUIZ,
            user_id,
            tutorial_id,
            of_quiz=attempt.quiz_id,
            score=attempt.score,
            max_score=attempt.max_score,
            passed=attempt.passed,
            attempt_keys=_as_uuids(attempt.attempt_keys),
            most=self._policy.max_quizzes,
        )
        if row is None:
            raise TooManyQuizzes
        *answer, is_new, _ = row
        self._tell(partial(self._observer.quiz_posted, is_repeat=not is_new))
        return _progress(answer)

    def complete(self, user_id: str, tutorial_id: str) -> Progress:
        """Earn the certificate; a second time changes nothing (guide, step 2, endpoint 4).

        Raises:
            ProgressNotFound: nothing was recorded for this tutorial.
            NotEligible: the detail says how far the learner is.
            DatabaseUnavailable: the database cannot answer now.
        """
        row = self._run(statements.COMPLETE, user_id, tutorial_id)
        if row is None:
            raise ProgressNotFound
        *answer, newly_earned = row
        progress = _progress(answer)
        if not progress.certificate_earned:
            raise NotEligible(_how_far(progress))
        if newly_earned:
            self._tell(self._observer.certificate_earned)
            if self._on_certificate_earned:
                self._tell(partial(_call, self._on_certificate_earned, progress))
        return progress

    def reset(self, user_id: str, tutorial_id: str) -> None:
        """Forget the learner's progress, if there is any (guide, step 2, endpoint 5).

        Raises:
            DatabaseUnavailable: the database cannot answer now.
        """
        self._run(statements.RESET, user_id, tutorial_id)

    def _run(
        self, unit: StatementBatch, user_id: str, tutorial_id: str, **values: Any
    ) -> Row | None:
        require_ids(user_id=user_id, tutorial_id=tutorial_id)
        parameters = {"of_user": user_id, "of_tutorial": tutorial_id, **values}
        return self._executor.run(unit, parameters)

    def _tell(self, act: Callable[[], object]) -> None:
        self._executor.after_commit(act)


def _as_uuids(attempt_keys: Sequence[str]) -> str:
    # A key may be long and hold anything; its UUID is short, and a literal of an SQL array.
    return "{" + ",".join(str(uuid5(NAMESPACE_OID, key)) for key in attempt_keys) + "}"


def _call(hook: Hook, progress: Progress) -> None:
    try:
        hook(progress)
    except Exception:  # noqa: BLE001 - the host's own code: what it is told of is committed
        _log.exception("on_certificate_earned failed; the certificate is earned")


def _progress(row: Row) -> Progress:
    tutorial, user, percentage, done, total, chapters, quizzes, *certificate, seconds, at = row
    eligible, earned = certificate
    return Progress(
        tutorial_id=tutorial,
        user_id=user,
        completion_percentage=percentage,
        chapters_completed=done,
        total_chapters=total,
        chapter_progress=tuple(map(ChapterProgress._make, chapters)),
        quiz_scores=tuple(_quiz_score(quiz) for quiz in quizzes),
        certificate_eligible=eligible,
        certificate_earned=earned,
        total_watch_time=seconds,
        last_watched_at=at and at.replace(tzinfo=UTC),
    )


def _quiz_score(columns: Row) -> QuizScore:
    quiz_id, score, max_score, passed, attempts, completed_at = columns
    at = datetime.fromisoformat(completed_at).replace(tzinfo=UTC)
    return QuizScore(quiz_id, score, max_score, passed, attempts, at)


def _how_far(progress: Progress) -> str:
    passed = sum(quiz.passed for quiz in progress.quiz_scores)
    return (
        f"The certificate needs {rules.ELIGIBLE_PERCENTAGE} percent and every quiz passed: "
        f"{progress.completion_percentage} percent is completed, "
        f"and {passed} of {len(progress.quiz_scores)} quizzes are passed."
    )
