"""Read and record the progress of learners, over HTTP or from Python."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from blinker import Signal
from sqlalchemy import Engine

from progress_api.database import AnySession, Parameters, Repository, Row, Statements
from progress_api.exceptions import ProgressNotFound, TooManyChapters, TooManyQuizzes
from progress_api.progress import batches, selects, statements
from progress_api.progress.eligibility import not_eligible
from progress_api.progress.records import (
    Chapter,
    Completion,
    Event,
    EventResults,
    Policy,
    Progress,
    QuizAttempt,
    TutorialPage,
)
from progress_api.progress.selects import ChangeRow, change_of, completion_of, progress_of
from progress_api.progress.selects.pages import LIST_TUTORIALS, PageRequest
from progress_api.signals import Signals
from progress_api.validation import require_ids

Hook = Callable[[Progress], object]
_log = logging.getLogger("progress_api.repository")


class ProgressRepository(Repository):
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
            on_certificate_earned: called once with the progress, which has the `certificate`,
                after the commit that earns it. If it raises, the error is logged and the
                certificate stays earned.
            signals: where each committed operation is sent.
        """
        super().__init__(bind, schema=schema, one_trip=one_trip, signals=signals)
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
        row = self._run(statements.GET_STORED, user_id, tutorial_id)
        row = row or self._run(statements.GET_COUNTED, user_id, tutorial_id)
        assert row
        return progress_of(row)

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
        values = batches.of_chapter(chapter, self._policy)
        row = self._run(statements.RECORD_CHAPTER, user_id, tutorial_id, **values)
        if row is None:
            raise TooManyChapters
        return self._notify_completed(change_of(row), progress_of(row))

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
        values = batches.of_quiz(attempt, self._policy)
        row = self._run(statements.RECORD_QUIZ, user_id, tutorial_id, **values)
        if row is None:
            raise TooManyQuizzes
        self._send(self._signals.quiz_recorded, is_repeat=not change_of(row).is_recorded)
        return progress_of(row)

    def complete(self, user_id: str, tutorial_id: str, holder_name: str | None = None) -> Progress:
        """Earn the certificate; a second call changes nothing (spec 2.20, 2.21).

        The progress that is returned has the `certificate` (spec 14.1).

        Args:
            user_id: 1 to 255 characters.
            tutorial_id: 1 to 255 characters.
            holder_name: the name that the certificate shows, 1 to 255 characters; kept from the
                first time that it is given (spec 14.2).

        Raises:
            InvalidFields: an id is invalid.
            ProgressNotFound: nothing is recorded for this tutorial.
            NotEligible: the detail names the percentage and the quizzes passed.
            DatabaseUnavailable: the database cannot respond now.
        """
        completion = batches.of_completion(Completion(holder_name))
        row = self._run(statements.COMPLETE, user_id, tutorial_id, **completion)
        if row is None:
            raise ProgressNotFound
        progress = completion_of(row)
        if not progress.certificate:
            raise not_eligible(progress)
        self._notify_earned(change_of(row), progress, completion)
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

    def list(
        self, user_id: str, *, status: str = "all", limit: int = 20, cursor: str | None = None
    ) -> TutorialPage:
        """Return a page of the learner's tutorials, the one watched last first (spec 11.1 to 11.6).

        Args:
            user_id: 1 to 255 characters.
            status: "all"; "in_progress", below 100 percent; or "completed", at 100 percent.
            limit: the highest number of tutorials, 1 to 100.
            cursor: the `next` of the page before, for the same learner and status; None for the
                first page.

        Raises:
            InvalidFields: naming each invalid argument.
            DatabaseUnavailable: the database cannot respond now.
        """
        require_ids(user_id=user_id)
        page = PageRequest.of(user_id, status, limit, cursor)
        return page.read(self._executor.run(LIST_TUTORIALS.batch(page.parameters)))

    def record_events(self, user_id: str, events: Sequence[Event]) -> EventResults:
        """Record what the learner did earlier, each tutorial in one transaction (spec 12.2).

        Args:
            user_id: 1 to 255 characters.
            events: in any order; an event that was recorded before changes nothing.

        Returns:
            Results in the order given; an event with an error does not stop the others.

        Raises:
            InvalidFields: the id of the learner is invalid.
            DatabaseUnavailable: the database cannot respond now; events of some tutorials may be
                recorded. Record all of them again.
        """
        require_ids(user_id=user_id)
        by_tutorial = batches.by_tutorial(events)
        # Sorted, so that two sessions of a host app that lock several tutorials do not deadlock.
        outcomes = {
            tutorial_id: self._record_tutorial(user_id, tutorial_id, by_tutorial[tutorial_id])
            for tutorial_id in sorted(by_tutorial)
        }
        return batches.results_of(events, {name: outcomes[name] for name in by_tutorial})

    def _record_tutorial(
        self, user_id: str, tutorial_id: str, events: Sequence[Event]
    ) -> Progress | None:
        learner = {"of_user": user_id, "of_tutorial": tutorial_id}
        batch = batches.batch_of_events(learner, events, self._policy)
        if (row := self._executor.run(batch)) is None:
            return None
        change, progress = change_of(row), completion_of(row)
        self._notify_completed(change, progress)
        self._notify_earned(change, progress, batch[-1].parameters)
        return progress

    def _run(self, batch: Statements, user_id: str, tutorial_id: str, **values: Any) -> Row | None:
        require_ids(user_id=user_id, tutorial_id=tutorial_id)
        learner = {"of_user": user_id, "of_tutorial": tutorial_id}
        return self._executor.run(batch.batch({**learner, **values}))

    def _notify_completed(self, change: ChangeRow, progress: Progress) -> Progress:
        tenths = selects.tenths_of(progress, change.newly_completed)
        recorded = self._signals.chapter_recorded
        self._send(recorded, completed=change.newly_completed, tenths=tenths)
        return progress

    def _notify_earned(self, change: ChangeRow, progress: Progress, new: Parameters) -> None:
        certificate = progress.certificate
        if certificate and certificate.certificate_id == new["of_certificate"]:
            self._send(self._signals.certificate_issued)
        if change.newly_earned:
            self._send(self._signals.certificate_earned)
            if self._on_certificate_earned:
                self._executor.after_commit(partial(_call, self._on_certificate_earned, progress))

    def _send(self, signal: Signal, **values: Any) -> None:
        self._executor.after_commit(partial(signal.send, **values))


def _call(hook: Hook, progress: Progress) -> None:
    try:
        hook(progress)
    except Exception:  # noqa: BLE001 - the host's code; the certificate is committed already
        _log.exception("on_certificate_earned failed; the certificate is earned")
