"""What the service remembers: each learner's progress in each tutorial."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from progress_api.database import Executor, Row, Unit
from progress_api.exceptions import (
    NotEligible,
    ProgressNotFound,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.repository import rules, statements


@dataclass(frozen=True, slots=True)
class ChapterProgress:
    """How far one chapter was watched; times in whole seconds."""

    chapter_id: str
    watch_time: int
    completed: bool
    last_position: int


@dataclass(frozen=True, slots=True)
class QuizScore:
    """The best attempt at one quiz, and how many there were."""

    quiz_id: str
    score: int
    max_score: int
    passed: bool
    attempts: int
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """One learner's progress in one tutorial; times in whole seconds and in UTC."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What a learner's player tells of one chapter.

    Args:
        chapter_id: 1 to 255 characters.
        watch_time: whole seconds, 0 to 2,147,483,647.
        completed: None leaves it as it was.
        last_position: whole seconds, 0 to 2,147,483,647; None for `watch_time`.
        total_chapters: of the tutorial, 0 to 2,147,483,647; None where it is not known.
    """

    chapter_id: str
    watch_time: int
    completed: bool | None = None
    last_position: int | None = None
    total_chapters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizAttempt:
    """One attempt at a quiz.

    Args:
        quiz_id: 1 to 255 characters.
        score: whole, 0 to `max_score`.
        max_score: whole, 1 to 2,147,483,647.
        passed: whether it was passed.
        attempt_keys: what a repeat of the same attempt also carries; any of them seen before
            for this quiz makes it a repeat.
    """

    quiz_id: str
    score: int
    max_score: int
    passed: bool
    attempt_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that are rules.

    Args:
        sticky_completion: once completed, a chapter stays so.
        max_chapters: chapters of one learner and tutorial, at least 1.
        max_quizzes: quizzes of one learner and tutorial, at least 1.
    """

    sticky_completion: bool = False
    max_chapters: int = 1000
    max_quizzes: int = 1000


class ProgressRepository:
    """Reads and records progress by the rules; each call is one transaction, done on return."""

    def __init__(self, executor: Executor, policy: Policy | None = None) -> None:
        """Record through this executor.

        Args:
            executor: how units of statements travel to PostgreSQL.
            policy: the settings that are rules; the contract's where not given.
        """
        self._execute = executor
        self._policy = policy or Policy()

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
        return _progress(row)

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
        return _progress(row)

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
        progress = _progress(row)
        if not progress.certificate_earned:
            raise NotEligible(_how_far(progress))
        return progress

    def reset(self, user_id: str, tutorial_id: str) -> None:
        """Forget the learner's progress, if there is any (guide, step 2, endpoint 5).

        Raises:
            DatabaseUnavailable: the database cannot answer now.
        """
        self._run(statements.RESET, user_id, tutorial_id)

    def _run(self, unit: Unit, user_id: str, tutorial_id: str, **values: Any) -> Row | None:
        parameters = {"of_user": user_id, "of_tutorial": tutorial_id, **values}
        return self._execute(unit, parameters)


def _as_uuids(attempt_keys: Sequence[str]) -> str:
    # A key may be long and hold anything; its UUID is short, and a literal of an SQL array.
    return "{" + ",".join(str(uuid5(NAMESPACE_OID, key)) for key in attempt_keys) + "}"


def _progress(row: Row) -> Progress:
    values = list(row)
    values[5] = tuple(ChapterProgress(*chapter) for chapter in row[5])
    values[6] = tuple(_quiz_score(quiz) for quiz in row[6])
    values[10] = row[10] and row[10].replace(tzinfo=UTC)
    return Progress(*values)


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
