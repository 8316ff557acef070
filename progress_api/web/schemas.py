"""What a request may hold and what an answer holds; camelCase lives here and nowhere else."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from progress_api.repository.bounds import AN_ID, MAX_ID_LENGTH, WHOLE_NUMBER_LIMIT, is_id
from progress_api.repository.records import Chapter, Progress, QuizAttempt
from progress_api.web.responses import ApiResponse, new_response

SCORE_OUT_OF_RANGE = "Score must be between 0 and maxScore"
IDEMPOTENCY_KEY = "Idempotency-Key"
RESET_ANSWER = {"success": True, "message": "Progress reset successfully"}


def check_id(value: str) -> None:
    """Refuse what is no id, as marshmallow is told so.

    Raises:
        ValidationError: with one sentence that says what is one.
    """
    if not is_id(value):
        raise ValidationError(AN_ID)


class WholeNumber(fields.Integer):
    """A whole number: `8.0` is 8; `8.5`, `"8"` and a boolean are none (contract)."""

    default_error_messages = {"invalid": f"Must be a whole number, at most {WHOLE_NUMBER_LIMIT}."}

    def __init__(self, least: float = 0, most: float = WHOLE_NUMBER_LIMIT, **options: Any) -> None:
        """Accept numbers from `least` to `most`, both included."""
        self.least, self.most = least, most
        super().__init__(**options)

    def _validated(self, value: Any) -> int:
        number = type(value) is int or (type(value) is float and value.is_integer())
        if not number or not self.least <= value <= self.most:
            raise self.make_error("invalid")
        return int(value)


class Seconds(WholeNumber):
    """A playback time: a number, kept in whole seconds, floored (contract)."""

    default_error_messages = {"invalid": f"Must be a number of seconds, 0 to {WHOLE_NUMBER_LIMIT}."}

    def _validated(self, value: Any) -> int:
        if type(value) is float and 0 <= value <= WHOLE_NUMBER_LIMIT:
            return int(value)
        return super()._validated(value)


class TrueOrFalse(fields.Boolean):
    """A JSON boolean; `0`, `1` and `"true"` are none (contract)."""

    default_error_messages = {"invalid": "Must be true or false."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class UserId(fields.String):
    """Whom the request is for; `null` and `""` are as good as none (contract)."""

    def __init__(self) -> None:
        """Called `userId` on the wire."""
        super().__init__(
            data_key="userId", load_default=None, allow_none=True, validate=self._check
        )

    @staticmethod
    def _check(value: str) -> None:
        if value:
            check_id(value)


def _id(name: str) -> fields.String:
    return fields.String(data_key=name, required=True, validate=check_id)


class LearnerBody(Schema):
    """The body of every request; fields that are not listed are ignored (contract)."""

    class Meta:
        """What the guide does not list is no error: real clients send more."""

        unknown = EXCLUDE

    user_id = UserId()

    @cached_property
    def nothing(self) -> tuple[str | None, Any]:
        """What an empty object tells, as a request without a body does.

        Raises:
            ValidationError: something is required.
        """
        loaded: tuple[str | None, Any] = self.load({})
        return loaded

    @post_load
    def _with_user(self, values: dict[str, Any], **_: Any) -> tuple[str | None, Any]:
        return values.pop("user_id"), self.build(values)

    def build(self, values: dict[str, Any]) -> Any:
        """Return what the repository takes; the values are checked."""
        return values


class ChapterPost(LearnerBody):
    """The body of guide, step 2, endpoint 2."""

    chapter_id = _id("chapterId")
    watch_time = Seconds(data_key="watchTime", required=True)
    completed = TrueOrFalse(load_default=None, allow_none=True)
    last_position = Seconds(data_key="lastPosition", load_default=None, allow_none=True)
    total_chapters = WholeNumber(data_key="totalChapters", load_default=None, allow_none=True)

    def build(self, values: dict[str, Any]) -> Chapter:
        """Return the chapter that was posted."""
        return Chapter(**values)


class QuizPost(LearnerBody):
    """The body of guide, step 2, endpoint 3, and what makes a repeat of it known."""

    quiz_id = _id("quizId")
    score = WholeNumber(least=float("-inf"), most=float("inf"), required=True)
    max_score = WholeNumber(least=1, data_key="maxScore", required=True)
    passed = TrueOrFalse(required=True)
    completed_at = fields.Raw(data_key="completedAt", load_default=None, allow_none=True)
    idempotency_key = fields.String(
        data_key=IDEMPOTENCY_KEY,
        load_default=None,
        allow_none=False,
        validate=validate.Length(1, MAX_ID_LENGTH),
    )

    @validates_schema
    def _score_in_range(self, values: Mapping[str, Any], **_: Any) -> None:
        if not 0 <= values["score"] <= values["max_score"]:
            raise ValidationError(SCORE_OUT_OF_RANGE, field_name="score")

    def build(self, values: dict[str, Any]) -> QuizAttempt:
        """Return the attempt that was posted."""
        completed_at, key = values.pop("completed_at"), values.pop("idempotency_key")
        attempt_keys = [f"{IDEMPOTENCY_KEY} {key}"] if key else []
        if type(completed_at) in (str, int, float) and completed_at != "":
            attempt_keys.append(f"completedAt {json.dumps(completed_at)}")
        return QuizAttempt(**values, attempt_keys=attempt_keys)


def progress_answer(progress: Progress) -> dict[str, Any]:
    """Return the progress object, its keys in the guide's order."""
    return {
        "tutorialId": progress.tutorial_id,
        "userId": progress.user_id,
        "completionPercentage": progress.completion_percentage,
        "chaptersCompleted": progress.chapters_completed,
        "totalChapters": progress.total_chapters,
        "chapterProgress": [
            {
                "chapterId": chapter.chapter_id,
                "watchTime": chapter.watch_time,
                "completed": chapter.completed,
                "lastPosition": chapter.last_position,
            }
            for chapter in progress.chapter_progress
        ],
        "quizScores": [
            {
                "quizId": quiz.quiz_id,
                "score": quiz.score,
                "maxScore": quiz.max_score,
                "passed": quiz.passed,
                "attempts": quiz.attempts,
                "completedAt": _time(quiz.completed_at),
            }
            for quiz in progress.quiz_scores
        ],
        "certificateEligible": progress.certificate_eligible,
        "certificateEarned": progress.certificate_earned,
        "totalWatchTime": progress.total_watch_time,
        "lastWatchedAt": progress.last_watched_at and _time(progress.last_watched_at),
    }


def json_response(body: Any, status: int = 200) -> ApiResponse:
    """Answer with JSON; the host's own JSON provider may sort keys or speak another dialect."""
    return new_response(orjson.dumps(body), status, mimetype="application/json")


def _time(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
