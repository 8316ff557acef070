"""Turn records into the parameters of statements, events into batches, and back into results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import orjson

from progress_api.certificates.records import new_certificate
from progress_api.database import Batch, Parameters, Step
from progress_api.exceptions import (
    ProgressError,
    ProgressNotFound,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.progress import statements
from progress_api.progress.eligibility import not_eligible
from progress_api.progress.records import (
    Chapter,
    Completion,
    Event,
    EventResult,
    EventResults,
    Policy,
    Progress,
    QuizAttempt,
    idempotency_mark,
)
from progress_api.validation import LAST_TIME, in_utc

_NOW: Parameters = {"at": None, "step": 0}
_MICROSECOND = timedelta(microseconds=1)


def of_chapter(chapter: Chapter, policy: Policy, when: Parameters = _NOW) -> dict[str, Any]:
    """Return the parameters of `RECORD_CHAPTER` beside those of the learner.

    Args:
        chapter: the state of the chapter.
        policy: whether completion is sticky, and the limit of chapters.
        when: the time of an event and its place in the batch.
    """
    position = chapter.last_position
    return {
        "new_id": str(uuid4()),
        "of_chapter": chapter.chapter_id,
        "watch_time": chapter.watch_time,
        "completed": chapter.completed,
        "last_position": chapter.watch_time if position is None else position,
        "total_chapters": chapter.total_chapters or 0,
        "sticky": policy.sticky_completion,
        "limit": policy.max_chapters,
        **when,
    }


def of_quiz(attempt: QuizAttempt, policy: Policy, when: Parameters = _NOW) -> dict[str, Any]:
    """Return the parameters of `RECORD_QUIZ` beside those of the learner.

    Args:
        attempt: the attempt.
        policy: the limit of quizzes.
        when: the time of an event and its place in the batch.
    """
    return {
        "new_id": str(uuid4()),
        "of_quiz": attempt.quiz_id,
        "score": attempt.score,
        "max_score": attempt.max_score,
        "passed": attempt.passed,
        "attempt_keys": _as_uuids(attempt.attempt_keys),
        "limit": policy.max_quizzes,
        **when,
    }


def of_completion(completion: Completion, at: datetime | None = None) -> dict[str, Any]:
    """Return the parameters of `COMPLETE` beside those of the learner.

    Args:
        completion: the request for the certificate.
        at: when the certificate was asked for; None for now.
    """
    when = {"at": at and _without_zone(in_utc(at)), "completes": True, "totals": "{}"}
    return when | new_certificate(completion.holder_name)


def of_recount() -> dict[str, Any]:
    """Return the parameters of `COMPLETE` that earn nothing and only recount."""
    return of_completion(Completion()) | {"completes": False}


def by_tutorial(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Group events by tutorial, in the order in which tutorials are first named.

    Args:
        events: in any order.
    """
    grouped: dict[str, list[Event]] = {}
    for event in events:
        grouped.setdefault(event.tutorial_id, []).append(event)
    return grouped


def batch_of_events(learner: Parameters, events: Sequence[Event], policy: Policy) -> Batch:
    """Return one transaction for the events of one tutorial (spec 12.4).

    Args:
        learner: the parameters that name the learner and the tutorial.
        events: at least one. They are recorded by their times, and completions last.
        policy: of the service.
    """
    in_order = sorted(events, key=lambda event: event.at)
    completions = [event for event in in_order if isinstance(event.record, Completion)]
    asked_at = completions[-1].at if completions else None
    names = [name for event in completions if (name := _holder_name(event))]
    completion = of_completion(Completion(names[0] if names else None), asked_at)
    if len(completions) == len(in_order):
        return statements.COMPLETE.batch({**learner, **completion})
    steps = [Step(statements.OPEN, learner)]
    latest: dict[str, datetime] = {}
    for number, event in enumerate(in_order):
        at = _without_zone(_placed(event, latest))
        steps += _steps(learner, event, policy, {"at": at, "step": number})
    recount = completion | {
        "completes": bool(completions),
        "totals": _totals(in_order),
    }
    return [*steps, Step(statements.RECOUNT_AND_COMPLETE, {**learner, **recount})]


def results_of(events: Sequence[Event], outcomes: Mapping[str, Progress | None]) -> EventResults:
    """Return which events are recorded.

    Args:
        events: all that were given.
        outcomes: the progress of each of their tutorials, in the order in which they are first
            named; None if nothing is recorded.
    """
    errors = {name: _ErrorOf(progress) for name, progress in outcomes.items()}
    results = [EventResult(event, errors[event.tutorial_id](event.record)) for event in events]
    recorded = {event.tutorial_id for event, error in results if error is None}
    progress = [outcome for name, outcome in outcomes.items() if outcome and name in recorded]
    return EventResults(tuple(results), tuple(progress))


class _ErrorOf:
    """Tells why an event is not in the progress that was read after it."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        chapters, quizzes = (
            (progress.chapter_progress, progress.quiz_scores) if progress else ((), ())
        )
        self._chapters = {chapter.chapter_id for chapter in chapters}
        self._quizzes = {quiz.quiz_id for quiz in quizzes}

    def __call__(self, record: Chapter | QuizAttempt | Completion) -> ProgressError | None:
        if self._progress is None:
            return ProgressNotFound()
        if isinstance(record, Chapter):
            return None if record.chapter_id in self._chapters else TooManyChapters()
        if isinstance(record, QuizAttempt):
            return None if record.quiz_id in self._quizzes else TooManyQuizzes()
        return None if self._progress.certificate_earned else not_eligible(self._progress)


def _placed(event: Event, latest: dict[str, datetime]) -> datetime:
    """Return when an event happened, in UTC.

    Of a chapter's events at one instant, the last is later.

    Args:
        event: of the batch.
        latest: the time of each chapter's event before this one; updated.
    """
    at = in_utc(event.at)
    if not isinstance(event.record, Chapter):
        return at
    chapter_id, at = event.record.chapter_id, min(at, LAST_TIME)
    if chapter_id in latest and at <= latest[chapter_id]:
        at = latest[chapter_id] + _MICROSECOND
    latest[chapter_id] = at
    return at


def _steps(
    learner: Parameters, event: Event, policy: Policy, when: Mapping[str, Any]
) -> Sequence[Step]:
    record = event.record
    if isinstance(record, Chapter):
        parameters = {**learner, **of_chapter(record, policy, when)}
        return [Step(statements.CHAPTER_ALONE, parameters)]
    if isinstance(record, QuizAttempt):
        keys = (idempotency_mark(event.id), *record.attempt_keys)
        parameters = {**learner, **of_quiz(replace(record, attempt_keys=keys), policy, when)}
        return [Step(statement, parameters) for statement in statements.QUIZ_ALONE]
    return []


def _holder_name(event: Event) -> str | None:
    return event.record.holder_name if isinstance(event.record, Completion) else None


def _totals(events: Sequence[Event]) -> str:
    """Return the numbers of chapters that came with the chapters, in a JSON object."""
    totals: dict[str, int] = {}
    for event in events:
        if isinstance(event.record, Chapter) and event.record.total_chapters:
            name, total = event.record.chapter_id, event.record.total_chapters
            totals[name] = max(total, totals.get(name, 0))
    return orjson.dumps(totals).decode()


def _without_zone(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _as_uuids(attempt_keys: Sequence[str]) -> str:
    # A key may be long and hold any character. Its UUID is short and safe in an array literal.
    return "{" + ",".join(str(uuid5(NAMESPACE_OID, key)) for key in attempt_keys) + "}"
