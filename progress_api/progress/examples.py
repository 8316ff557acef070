"""Examples of requests and responses: one story, if the requests are sent in order."""

from datetime import UTC, datetime
from typing import Any

from progress_api.exceptions import InvalidScore
from progress_api.progress.eligibility import not_eligible
from progress_api.progress.records import ChapterProgress, Progress, QuizScore
from progress_api.progress.schemas import SCORE_OUT_OF_RANGE, progress_json

INVALID_SCORE = InvalidScore({"score": [SCORE_OUT_OF_RANGE]})
NOT_ELIGIBLE = not_eligible(Progress("python-basics", "alice", completion_percentage=50))
CHAPTER_POST = {
    "chapterId": "variables",
    "watchTime": 120.75,
    "completed": True,
    "totalChapters": 1,
}
QUIZ_POST = {"quizId": "final", "score": 8, "maxScore": 10, "passed": True}
_MINUTES = [datetime(2026, 1, 5, 10, minute, tzinfo=UTC) for minute in range(4)]
_CHAPTER = ChapterProgress("variables", 120, completed=True, last_position=120)
_QUIZ = QuizScore("final", 8, 10, passed=True, attempts=1, completed_at=_MINUTES[2])


def _progress(**changed: Any) -> dict[str, Any]:
    return progress_json(Progress("python-basics", "alice", **changed))


_WATCHED: dict[str, Any] = {
    "completion_percentage": 100,
    "chapters_completed": 1,
    "total_chapters": 1,
    "chapter_progress": (_CHAPTER,),
    "certificate_eligible": True,
    "total_watch_time": 120,
}
_PASSED = _WATCHED | {"quiz_scores": (_QUIZ,)}
EMPTY = _progress()
AFTER_CHAPTER = _progress(**_WATCHED, last_watched_at=_MINUTES[1])
AFTER_QUIZ = _progress(**_PASSED, last_watched_at=_MINUTES[2])
AFTER_COMPLETE = _progress(**_PASSED, certificate_earned=True, last_watched_at=_MINUTES[3])
