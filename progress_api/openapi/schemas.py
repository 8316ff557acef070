"""What an answer holds, in marshmallow as requests are; the tests hold the service to it."""

from marshmallow import EXCLUDE, Schema, fields

from progress_api.validation import WHOLE_NUMBER_LIMIT
from progress_api.web.schemas import TrueOrFalse, WholeNumber, check_id


class Answer(Schema):
    """An answer, or a part of one; each of its fields is always there."""

    class Meta:
        """A later version may tell more."""

        unknown = EXCLUDE


def _text(name: str) -> fields.String:
    return fields.String(data_key=name, required=True)


def _id(name: str) -> fields.String:
    return fields.String(data_key=name, required=True, validate=check_id)


def _number(name: str, *, least: int = 0, most: int = WHOLE_NUMBER_LIMIT) -> WholeNumber:
    return WholeNumber(least, most, data_key=name, required=True)


def _boolean(name: str) -> TrueOrFalse:
    return TrueOrFalse(data_key=name, required=True)


class ChapterProgress(Answer):
    """How far one chapter was watched."""

    chapter_id = _id("chapterId")
    watch_time = _number("watchTime")
    completed = _boolean("completed")
    last_position = _number("lastPosition")


class QuizScore(Answer):
    """The best attempt at one quiz."""

    quiz_id = _id("quizId")
    score = _number("score")
    max_score = _number("maxScore", least=1)
    passed = _boolean("passed")
    attempts = _number("attempts")
    completed_at = fields.DateTime(data_key="completedAt", required=True)


class Progress(Answer):
    """One learner's progress in one tutorial (guide, step 2, endpoint 1)."""

    tutorial_id = _id("tutorialId")
    user_id = _id("userId")
    completion_percentage = _number("completionPercentage", most=100)
    chapters_completed = _number("chaptersCompleted")
    total_chapters = _number("totalChapters")
    chapter_progress = fields.List(
        fields.Nested(ChapterProgress), data_key="chapterProgress", required=True
    )
    quiz_scores = fields.List(fields.Nested(QuizScore), data_key="quizScores", required=True)
    certificate_eligible = _boolean("certificateEligible")
    certificate_earned = _boolean("certificateEarned")
    total_watch_time = _number("totalWatchTime")
    last_watched_at = fields.DateTime(data_key="lastWatchedAt", required=True, allow_none=True)


class Reset(Answer):
    """What is answered to a reset (guide, step 2, endpoint 5)."""

    success = _boolean("success")
    message = _text("message")


class Error(Answer):
    """What is answered to a request that failed."""

    error = _text("error")
    detail = _text("detail")
    request_id = _text("requestId")
    fields_ = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), data_key="fields"
    )
