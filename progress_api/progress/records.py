"""What goes into the repository and comes out of it: chapters, quizzes, progress, the policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from progress_api.validation import require_booleans, require_ids, require_numbers


class ChapterProgress(NamedTuple):
    """How far one chapter was watched; times in whole seconds."""

    chapter_id: str
    watch_time: int
    completed: bool
    last_position: int


class QuizScore(NamedTuple):
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

    def __post_init__(self) -> None:
        """Refuse what is out of bounds, whoever tells it."""
        require_ids(chapter_id=self.chapter_id)
        require_numbers(
            watch_time=self.watch_time,
            last_position=self.last_position or 0,
            total_chapters=self.total_chapters or 0,
        )
        if self.completed is not None:
            require_booleans(completed=self.completed)


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

    def __post_init__(self) -> None:
        """Refuse what is out of bounds, whoever tells it."""
        require_ids(quiz_id=self.quiz_id)
        require_numbers(least=1, max_score=self.max_score)
        require_numbers(most=self.max_score, score=self.score)
        require_booleans(passed=self.passed)


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
