"""Read and record the progress of learners, over HTTP or from Python."""

import logging
from collections.abc import Callable, Sequence
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
from progress_api.progress.records import (
    Chapter,
    Policy,
    Progress,
    QuizAttempt,
)
from progress_api.progress.selects import change_of, progress_of
from progress_api.signals import Signals
from progress_api.validation import require_ids

Hook = Callable[[Progress], object]
_log = logging.getLogger("progress_api.repository")


class ProgressRepository:
    """Read and record progress by the rules of the service.

    On an engine, each call is one transaction, committed when the call returns. On a session, each
    call is part of the session's transaction and is committed or rolled back with it.
    """

    def __init__(  # noqa: PLR0913 - each argument is something that a host app may have
        self,
        bind: Engine | AnySession,
        *,
        policy: Policy | None = None,
        schema: str | None = None,
        one_trip: bool = True,
        on_certificate_earned: Hook | None = None,
        signals: Signals | None = None,
    ) -> None:
        """Bind the repository to an engine or a session.

        Args:
            bind: an engine or session of PostgreSQL. A session's isolation level should be READ
                COMMITTED, the default.
            policy: the settings that change rules; the defaults of `Policy` if not given.
            schema: the PostgreSQL schema of the tables; None for the connection's search path.
            one_trip: whether statements may be prepared on the server; psycopg2 then sends writes
                in one round trip on the service's own engine. False behind a pooler in transaction
                mode.
            on_certificate_earned: called once with the progress, after the commit that earns a
                certificate. If it raises, the error is logged and the certificate stays earned.
            signals: where each committed operation is sent.
        """
        self._signals = signals or Signals()
        self._executor: Executor
        if isinstance(bind, Engine):
            self._executor = EngineExecutor(bind, one_trip=one_trip, schema=schema, signals=signals)
        elif isinstance(bind, Session | scoped_session):
            self._executor = SessionExecutor(bind, prepares=one_trip, schema=schema)
        else:
            raise TypeError(f"ProgressRepository needs an Engine or a Session, not {bind!r}.")
        self._policy = policy or Policy()
        self._on_certificate_earned = on_certificate_earned

    def get(self, user_id: str, tutorial_id: str) -> Progress:
        """Return the learner's progress; the empty progress if nothing is recorded (spec 1.10).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: an id is invalid.
            DatabaseUnavailable: the database cannot respond now.
        """
        row = self._run(statements.GET_PROGRESS, user_id, tutorial_id)
        return progress_of(row) if row else Progress(tutorial_id, user_id)

    def record_chapter(self, user_id: str, tutorial_id: str, chapter: Chapter) -> Progress:
        """Record how far a chapter was watched, and return the progress after it (spec 1.4).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.
            chapter: the state of the chapter.

        Raises:
            InvalidFields: an id is invalid.
            TooManyChapters: the limit of chapters is reached; nothing was changed (spec 6.6).
            DatabaseUnavailable: the database cannot respond now.
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
            limit=self._policy.max_chapters,
        )
        if row is None:
            raise TooManyChapters
        completed = change_of(row).newly_completed
        self._notify(partial(self._signals.chapter_recorded.send, completed=completed))
        return progress_of(row)

    def record_quiz(self, user_id: str, tutorial_id: str, attempt: QuizAttempt) -> Progress:
        """Record one attempt at a quiz, and return the progress after it (spec 1.5).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.
            attempt: the attempt; a repeat of a recorded one changes nothing (spec 2.17).

        Raises:
            InvalidFields: an id is invalid.
            TooManyQuizzes: the limit of quizzes is reached; nothing was changed (spec 6.6).
            DatabaseUnavailable: the database cannot respond now.
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
            limit=self._policy.max_quizzes,
        )
        if row is None:
            raise TooManyQuizzes
        is_repeat = not change_of(row).is_recorded
        self._notify(partial(self._signals.quiz_recorded.send, is_repeat=is_repeat))
        return progress_of(row)

    def complete(self, user_id: str, tutorial_id: str) -> Progress:
        """Earn the certificate; a second call changes nothing (spec 2.20, 2.21).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: an id is invalid.
            ProgressNotFound: nothing is recorded for this tutorial.
            NotEligible: the detail names the percentage and the quizzes passed.
            DatabaseUnavailable: the database cannot respond now.
        """
        row = self._run(statements.COMPLETE, user_id, tutorial_id)
        if row is None:
            raise ProgressNotFound
        *_, newly_earned = row
        progress = progress_of(row)
        if not progress.certificate_earned:
            raise NotEligible(_missing_for_certificate(progress))
        if newly_earned:
            self._notify(self._signals.certificate_earned.send)
            if self._on_certificate_earned:
                self._notify(partial(_call, self._on_certificate_earned, progress))
        return progress

    def reset(self, user_id: str, tutorial_id: str) -> None:
        """Remove the learner's progress, if there is any (spec 2.23).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: an id is invalid.
            DatabaseUnavailable: the database cannot respond now.
        """
        self._run(statements.RESET, user_id, tutorial_id)

    def _run(
        self, batch: StatementBatch, user_id: str, tutorial_id: str, **values: Any
    ) -> Row | None:
        require_ids(user_id=user_id, tutorial_id=tutorial_id)
        parameters = {"of_user": user_id, "of_tutorial": tutorial_id, **values}
        return self._executor.run(batch, parameters)

    def _notify(self, notification: Callable[[], object]) -> None:
        self._executor.after_commit(notification)


def _as_uuids(attempt_keys: Sequence[str]) -> str:
    # A key may be long and hold any character. Its UUID is short and safe in an array literal.
    return "{" + ",".join(str(uuid5(NAMESPACE_OID, key)) for key in attempt_keys) + "}"


def _call(hook: Hook, progress: Progress) -> None:
    try:
        hook(progress)
    except Exception:  # noqa: BLE001 - the host's code; the certificate is committed already
        _log.exception("on_certificate_earned failed; the certificate is earned")


def _missing_for_certificate(progress: Progress) -> str:
    passed = sum(quiz.passed for quiz in progress.quiz_scores)
    return (
        f"The certificate needs {rules.ELIGIBLE_PERCENTAGE} percent and every attempted quiz "
        f"passed: {progress.completion_percentage} percent is completed, "
        f"and {passed} of {len(progress.quiz_scores)} quizzes are passed."
    )
