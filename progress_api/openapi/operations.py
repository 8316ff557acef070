"""The five operations as a client sees them: names, bodies, what may go wrong, one story."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from progress_api import exceptions as failures
from progress_api.openapi import schemas as answers
from progress_api.progress.records import ChapterProgress, Progress, QuizScore
from progress_api.validation import AN_ID
from progress_api.web.schemas import (
    RESET_ANSWER,
    SCORE_OUT_OF_RANGE,
    ChapterPost,
    LearnerBody,
    QuizPost,
    progress_answer,
)

Failures = tuple[failures.ProgressError, ...]

TUTORIAL, LEARNER = "python-basics", "alice"
_ANY_BODY: Failures = (
    failures.InvalidFields({"userId": [AN_ID]}),
    failures.MalformedBody(),
    failures.IncompleteBody(),
)
_INVALID_SCORE = failures.InvalidScore({"score": [SCORE_OUT_OF_RANGE]})
_NOT_ELIGIBLE = failures.NotEligible(
    "The certificate needs 95 percent and every quiz passed: "
    "50 percent is completed, and 0 of 0 quizzes are passed."
)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One of the five.

    Args:
        view: the name of its view, and of its limit.
        method: in small letters.
        path: below the tutorial's.
        name: what a generated client calls it.
        summary: what it does, in a line.
        rules: what else a client should know.
        body: what its request holds; None where a body is of no use.
        headers: what its request also holds, in headers.
        answer: what is answered when all is well.
        failures: what may go wrong with this one only.
        sent: an example of its request's body.
        told: what is answered to the example, when the five are sent in order.
    """

    view: str
    method: str
    path: str
    name: str
    summary: str
    rules: str
    body: LearnerBody | None = None
    headers: LearnerBody | None = None
    answer: answers.Answer
    failures: Failures = _ANY_BODY
    sent: Mapping[str, Any] | None = None
    told: Mapping[str, Any]


def _progress(**changed: Any) -> dict[str, Any]:
    return progress_answer(Progress(TUTORIAL, LEARNER, **changed))


_WATCHED: dict[str, Any] = {
    "completion_percentage": 100,
    "chapters_completed": 1,
    "total_chapters": 1,
    "chapter_progress": (ChapterProgress("variables", 120, completed=True, last_position=120),),
    "certificate_eligible": True,
    "total_watch_time": 120,
}
_AT = [datetime(2026, 1, 5, 10, minute, tzinfo=UTC) for minute in range(4)]
_SCORE = QuizScore("final", 8, 10, passed=True, attempts=1, completed_at=_AT[2])
_ANSWERED = _WATCHED | {"quiz_scores": (_SCORE,)}

OPERATIONS = (
    Operation(
        view="get",
        method="get",
        path="",
        name="getProgress",
        summary="Get a learner's progress in a tutorial",
        rules="The empty progress where nothing has been recorded yet.",
        answer=answers.Progress(),
        told=_progress(),
    ),
    Operation(
        view="chapter",
        method="post",
        path="/chapter",
        name="recordChapter",
        summary="Record how far a chapter was watched",
        rules="Post it about every 10 seconds of play, at a pause, and when the page is left. "
        "Several devices of a learner may post at once; all posts are recorded.",
        body=ChapterPost(),
        answer=answers.Progress(),
        failures=(*_ANY_BODY, failures.TooManyChapters()),
        sent={"chapterId": "variables", "watchTime": 120.75, "completed": True, "totalChapters": 1},
        told=_progress(**_WATCHED, last_watched_at=_AT[1]),
    ),
    Operation(
        view="quiz",
        method="post",
        path="/quiz",
        name="recordQuiz",
        summary="Record an attempt at a quiz",
        rules="The best attempt is kept: the one with the highest score / maxScore.",
        body=QuizPost(exclude=("idempotency_key",)),
        headers=QuizPost(only=("idempotency_key",)),
        answer=answers.Progress(),
        failures=(*_ANY_BODY, _INVALID_SCORE, failures.TooManyQuizzes()),
        sent={"quizId": "final", "score": 8, "maxScore": 10, "passed": True},
        told=_progress(**_ANSWERED, last_watched_at=_AT[2]),
    ),
    Operation(
        view="complete",
        method="post",
        path="/complete",
        name="completeTutorial",
        summary="Earn the certificate of a tutorial",
        rules="Asked again after it was earned, it changes nothing and answers the same.",
        body=LearnerBody(),
        answer=answers.Progress(),
        failures=(*_ANY_BODY, _NOT_ELIGIBLE, failures.ProgressNotFound()),
        sent={},
        told=_progress(**_ANSWERED, certificate_earned=True, last_watched_at=_AT[3]),
    ),
    Operation(
        view="reset",
        method="delete",
        path="",
        name="resetProgress",
        summary="Forget a learner's progress in a tutorial",
        rules="The certificate is forgotten with it. It succeeds also where there is nothing.",
        answer=answers.Reset(),
        told=RESET_ANSWER,
    ),
)
