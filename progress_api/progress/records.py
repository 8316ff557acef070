"""The arguments and results of `ProgressRepository`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from progress_api.certificates.records import Certificate
from progress_api.exceptions import ProgressError
from progress_api.outlines.records import Needs
from progress_api.settings import Settings
from progress_api.validation import (
    MAX_ID_LENGTH,
    given,
    require_booleans,
    require_ids,
    require_numbers,
    require_texts,
    require_times,
)


class ChapterProgress(NamedTuple):
    """The recorded state of one chapter; times in whole seconds."""

    chapter_id: str
    watch_time: int
    completed: bool
    last_position: int


class QuizScore(NamedTuple):
    """The best attempt at one quiz, and the number of attempts."""

    quiz_id: str
    score: int
    max_score: int
    passed: bool
    attempts: int
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """One learner's progress in one tutorial, in whole seconds and times in UTC (spec 1.8)."""

    tutorial_id: str
    user_id: str
    completion_percentage: int = 0
    chapters_completed: int = 0
    total_chapters: int = 0
    chapter_progress: tuple[ChapterProgress, ...] = ()
    quiz_scores: tuple[QuizScore, ...] = ()
    certificate_eligible: bool = False
    certificate_earned: bool = False
    total_watch_time: int = 0
    last_watched_at: datetime | None = None
    # Given by `complete` and `record_events` alone; no part of the progress itself.
    certificate: Certificate | None = field(default=None, compare=False, repr=False)
    needs: Needs | None = field(default=None, compare=False, repr=False)


class LastChapter(NamedTuple):
    """The chapter of a tutorial that was watched last."""

    chapter_id: str
    last_position: int
    completed: bool


@dataclass(frozen=True, slots=True)
class TutorialSummary:
    """One learner's progress in one tutorial, without its lists (spec 11.1)."""

    tutorial_id: str
    user_id: str
    completion_percentage: int
    chapters_completed: int
    total_chapters: int
    certificate_eligible: bool
    certificate_earned: bool
    total_watch_time: int
    last_watched_at: datetime | None
    last_chapter: LastChapter | None
    title: str | None


class TutorialPage(NamedTuple):
    """Some of a learner's tutorials, and the cursor of the next page; None on the last page."""

    items: tuple[TutorialSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """The state of one chapter, as a player reports it (spec 2.4 to 2.8).

    Args:
        chapter_id: 1 to 255 characters.
        watch_time: total seconds watched of this chapter, whole, 0 to 2,147,483,647.
        completed: whether the chapter is completed; None leaves it as it was.
        last_position: position in whole seconds, 0 to 2,147,483,647; None for `watch_time`.
        total_chapters: number of chapters of the tutorial, 0 to 2,147,483,647; None if unknown.

    Raises:
        InvalidFields: naming each value that is out of range.
    """

    chapter_id: str
    watch_time: int
    completed: bool | None = None
    last_position: int | None = None
    total_chapters: int | None = None

    def __post_init__(self) -> None:
        """Validate the fields."""
        require_ids(chapter_id=self.chapter_id)
        require_numbers(
            watch_time=self.watch_time,
            **given(last_position=self.last_position, total_chapters=self.total_chapters),
        )
        if self.completed is not None:
            require_booleans(completed=self.completed)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizAttempt:
    """One attempt at a quiz (spec 2.12 to 2.18).

    Args:
        quiz_id: 1 to 255 characters.
        score: points of the attempt, whole, 0 to `max_score`.
        max_score: highest possible score, whole, 1 to 2,147,483,647.
        passed: whether the attempt passed the quiz.
        attempt_keys: keys that identify the attempt. The attempt is a repeat if this quiz has seen
            any of them before.

    Raises:
        InvalidFields: naming each value that is out of range.
    """

    quiz_id: str
    score: int
    max_score: int
    passed: bool
    attempt_keys: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Validate the fields."""
        require_ids(quiz_id=self.quiz_id)
        require_numbers(1, max_score=self.max_score)
        require_numbers(0, self.max_score, score=self.score)
        require_booleans(passed=self.passed)


@dataclass(frozen=True, slots=True)
class Completion:
    """A request for the certificate (spec 2.20), also as one event among others (spec 12.2).

    Args:
        holder_name: the name on the certificate, 1 to 255 characters or None (spec 14.2).
    """

    holder_name: str | None = None

    def __post_init__(self) -> None:
        """Validate the name."""
        require_texts(MAX_ID_LENGTH, **given(holder_name=self.holder_name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a learner did, to be recorded later or again (spec 12.2).

    Args:
        id: 1 to 255 characters, the same each time the event is sent. The id of an attempt at a
            quiz is one of its keys, the same as an `Idempotency-Key`.
        tutorial_id: 1 to 255 characters.
        at: when it happened, with a time zone; a time in the future counts as now.
        record: what happened.

    Raises:
        InvalidFields: naming each invalid value.
    """

    id: str
    tutorial_id: str
    at: datetime
    record: Chapter | QuizAttempt | Completion

    def __post_init__(self) -> None:
        """Validate the fields."""
        require_ids(id=self.id, tutorial_id=self.tutorial_id)
        require_times(at=self.at)


def idempotency_mark(key: str) -> str:
    """Return the attempt key that an `Idempotency-Key` is, or the id of an event.

    Args:
        key: 1 to 255 characters.
    """
    # A header arrives without blanks around it.
    return f"Idempotency-Key {key.strip()}"


class EventResult(NamedTuple):
    """Whether an event is recorded, now or from before: then `error` is None."""

    event: Event
    error: ProgressError | None


class EventResults(NamedTuple):
    """The result of each event in the order given, and the progress in each tutorial after it.

    The tutorials are those with a recorded event, in the order in which they are first named.
    """

    results: tuple[EventResult, ...]
    progress: tuple[Progress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that change rules.

    Args:
        sticky_completion: whether a completed chapter stays completed (spec 2.7).
        max_chapters: highest number of chapters of one learner and tutorial, at least 1 (spec 6.6).
        max_quizzes: highest number of quizzes of one learner and tutorial, at least 1 (spec 6.6).
    """

    sticky_completion: bool = False
    max_chapters: int = 1000
    max_quizzes: int = 1000

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """Return the policy of a service.

        Args:
            settings: of the service.
        """
        return cls(
            sticky_completion=settings.progress_sticky_completion,
            max_chapters=settings.progress_max_chapters,
            max_quizzes=settings.progress_max_quizzes,
        )
