"""The rules of progress in plain Python: what the service should answer, times aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

MOST = 2_147_483_647
# A number of minutes, or None for now; what is recorded now is later than all events.
At = float | None
NOW = 1_000_000


@dataclass
class Chapter:
    watch_time: int
    completed: bool
    last_position: int
    at: float = -1
    completed_at: float = -1


@dataclass
class Quiz:
    score: int
    max_score: int
    passed: bool
    attempts: int = 0
    keys: set[str] = field(default_factory=set)


@dataclass
class Tutorial:
    """All that is on record of one learner and tutorial; lists in the order first recorded."""

    chapters: dict[str, Chapter] = field(default_factory=dict)
    quizzes: dict[str, Quiz] = field(default_factory=dict)
    total_chapters: int = 0
    earned: bool = False

    @property
    def chapters_completed(self) -> int:
        return sum(chapter.completed for chapter in self.chapters.values())

    @property
    def percentage(self) -> int:
        if self.earned:
            return 100
        if not self.total_chapters:
            return 0
        return min(100, 100 * self.chapters_completed // self.total_chapters)

    @property
    def eligible(self) -> bool:
        return self.percentage >= 95 and all(quiz.passed for quiz in self.quizzes.values())


class Refused(Exception):
    """The service should answer so, and change nothing."""

    def __init__(self, status: int, error: str) -> None:
        self.status, self.error = status, error
        super().__init__(error)


class Model:
    """What any number of learners have recorded."""

    def __init__(self, *, sticky: bool, most: int) -> None:
        self._sticky, self._most = sticky, most
        self._tutorials: dict[tuple[str, str], Tutorial] = {}
        self._now = NOW

    def chapter(self, user: str, tutorial: str, body: dict[str, Any], at: At = None) -> None:
        found = self._opened(user, tutorial)
        known = found.chapters.get(body["chapterId"])
        if known is None and len(found.chapters) == self._most:
            raise Refused(400, "Too many chapters")
        before = known or Chapter(0, completed=False, last_position=0)
        happened = self._tick() if at is None else at
        watched, kept = int(body["watchTime"]), replace(before)
        kept.watch_time = max(before.watch_time, watched)
        if happened > before.at:
            position = body.get("lastPosition")
            kept.at, kept.last_position = happened, watched if position is None else int(position)
        word = body.get("completed")
        if word is not None and happened > before.completed_at:
            kept.completed = word or (self._sticky and before.completed)
            kept.completed_at = happened
        found.chapters[body["chapterId"]] = kept
        found.total_chapters = max(found.total_chapters, body.get("totalChapters") or 0)

    def quiz(self, user: str, tutorial: str, body: dict[str, Any], key: str | None) -> bool:
        """Record an attempt; say whether it counted."""
        found = self._opened(user, tutorial)
        score, max_score = body["score"], body["maxScore"]
        known = found.quizzes.get(body["quizId"])
        if known is None:
            if len(found.quizzes) == self._most:
                raise Refused(400, "Too many quizzes")
            known = found.quizzes[body["quizId"]] = Quiz(score, max_score, passed=False)
        given = {f"key {key}"} if key else set()
        given |= {f"time {body['completedAt']}"} if body.get("completedAt") else set()
        counts = not given & known.keys
        known.keys |= given
        if counts:
            known.attempts += 1
            known.passed |= body["passed"]
            if Fraction(score, max_score) > Fraction(known.score, known.max_score):
                known.score, known.max_score = score, max_score
        return counts

    def complete(self, user: str, tutorial: str) -> bool:
        """Earn the certificate; say whether it is earned now for the first time."""
        found = self._tutorials.get((user, tutorial))
        if found is None:
            raise Refused(404, "No progress found for this tutorial")
        if not found.earned and not found.eligible:
            raise Refused(400, "Not eligible for certificate")
        newly, found.earned = not found.earned, True
        return newly

    def reset(self, user: str, tutorial: str) -> None:
        self._tutorials.pop((user, tutorial), None)

    def events(self, user: str, sent: Sequence[tuple[str, str, dict[str, Any], At]]) -> list[str]:
        """Record events, each with its type, tutorial, body and time; return their errors."""
        errors = [""] * len(sent)
        # By their times, then as they were sent, and completions last.
        order = sorted(
            range(len(sent)),
            key=lambda n: (sent[n][0] == "complete", NOW if sent[n][3] is None else sent[n][3]),
        )
        latest: dict[tuple[str, str], float] = {}
        for number in order:
            kind, tutorial, body, at = sent[number]
            if kind == "chapter" and at is not None:
                # At one instant, the last in the list is the latest.
                chapter = tutorial, body["chapterId"]
                at = max(at, latest.get(chapter, -1) + 1e-6)
                latest[chapter] = at
            try:
                self._event(user, kind, tutorial, body, at)
            except Refused as refusal:
                errors[number] = refusal.error
        return errors

    def answer(self, user: str, tutorial: str) -> dict[str, Any]:
        """The progress object, without the times."""
        found = self._tutorials.get((user, tutorial), Tutorial())
        return {
            "tutorialId": tutorial,
            "userId": user,
            "completionPercentage": found.percentage,
            "chaptersCompleted": found.chapters_completed,
            "totalChapters": found.total_chapters,
            "chapterProgress": [_chapter(*one) for one in found.chapters.items()],
            "quizScores": [_quiz(*one) for one in found.quizzes.items()],
            "certificateEligible": found.eligible,
            "certificateEarned": found.earned,
            "totalWatchTime": min(MOST, sum(c.watch_time for c in found.chapters.values())),
        }

    def _event(self, user: str, *event: Any) -> None:
        kind, tutorial, body, at = event
        if kind == "chapter":
            self.chapter(user, tutorial, body, at)
        elif kind == "quiz":
            self.quiz(user, tutorial, body, body["id"])
        else:
            self.complete(user, tutorial)

    def _tick(self) -> int:
        self._now += 1
        return self._now

    def _opened(self, user: str, tutorial: str) -> Tutorial:
        return self._tutorials.setdefault((user, tutorial), Tutorial())


def _chapter(name: str, chapter: Chapter) -> dict[str, Any]:
    return {
        "chapterId": name,
        "watchTime": chapter.watch_time,
        "completed": chapter.completed,
        "lastPosition": chapter.last_position,
    }


def _quiz(name: str, quiz: Quiz) -> dict[str, Any]:
    return {
        "quizId": name,
        "score": quiz.score,
        "maxScore": quiz.max_score,
        "passed": quiz.passed,
        "attempts": quiz.attempts,
    }
