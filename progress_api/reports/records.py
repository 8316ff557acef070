"""The results of `ReportRepository`."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class ChapterReport(NamedTuple):
    """What learners did in one chapter; watch times in seconds, averages with one decimal."""

    chapter_id: str
    title: str | None
    learners: int
    completed: int
    average_watch_time: float
    stopped_here: int


class QuizReport(NamedTuple):
    """What learners did in one quiz; the average score in percent of the best attempts."""

    quiz_id: str
    title: str | None
    learners: int
    passed: int
    average_attempts: float
    average_score: float


@dataclass(frozen=True, slots=True)
class Report:
    """What all learners did in one tutorial (spec 15.1).

    Args:
        tutorial_id: of the tutorial.
        title: from its outline; None without one.
        learners: how many have recorded something.
        active_learners: how many of them watched in the last 7 days.
        completed_learners: how many are at 100 percent.
        certificates: how many have earned the certificate.
        average_percentage: of all learners, with one decimal; 0 without learners.
        total_watch_time: of all learners, in seconds.
        chapters: in the order of the outline, then by their learners.
        quizzes: in the same order.
        as_of: when it was true, in UTC.
    """

    tutorial_id: str
    title: str | None
    learners: int
    active_learners: int
    completed_learners: int
    certificates: int
    average_percentage: float
    total_watch_time: int
    chapters: tuple[ChapterReport, ...]
    quizzes: tuple[QuizReport, ...]
    as_of: datetime


class LearnerSummary(NamedTuple):
    """How far one learner of a tutorial is (spec 15.4)."""

    user_id: str
    completion_percentage: int
    chapters_completed: int
    total_chapters: int
    quizzes_passed: int
    certificate_earned: bool
    total_watch_time: int
    last_watched_at: datetime | None


class LearnerPage(NamedTuple):
    """Some learners of a tutorial, and the cursor of the next page; None on the last page."""

    items: tuple[LearnerSummary, ...]
    next: str | None
