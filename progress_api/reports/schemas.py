"""The responses of reports, in JSON (spec 15.1 to 15.5)."""

from typing import Any

from marshmallow import Schema, fields

from progress_api.progress.schemas import described
from progress_api.reports import records
from progress_api.web.fields import Id, ResponseSchema, TrueOrFalse, WholeNumber, named, rfc3339


def _count(name: str, description: str) -> fields.Integer:
    # Without a highest number: these are sums over all learners.
    return fields.Integer(**named(name, description), required=True)


def _average(name: str, description: str) -> fields.Float:
    return fields.Float(**named(name, f"{description}, with one decimal."), required=True)


def _title(of: str) -> fields.String:
    description = f"Title of the {of}, from the outline; null if it has none."
    return fields.String(**named("title", description), required=True, allow_none=True)


class ChapterReport(ResponseSchema):
    """What learners did in a chapter."""

    chapter_id = Id(**described("chapterId"))
    title = _title("chapter")
    learners = _count("learners", "Learners who recorded the chapter.")
    completed = _count("completed", "Learners who completed it.")
    average_watch_time = _average("averageWatchTime", "Seconds that they watched it on average")
    stopped_here = _count("stoppedHere", "Learners below 100 percent whose latest chapter this is.")


class QuizReport(ResponseSchema):
    """What learners did in a quiz."""

    quiz_id = Id(**described("quizId"))
    title = _title("quiz")
    learners = _count("learners", "Learners who attempted the quiz.")
    passed = _count("passed", "Learners who passed it.")
    average_attempts = _average("averageAttempts", "Their attempts on average")
    average_score = _average("averageScore", "Their best attempts on average, in percent")


class TutorialReport(ResponseSchema):
    """What all learners did in a tutorial."""

    tutorial_id = Id(**described("tutorialId"))
    title = _title("tutorial")
    learners = _count("learners", "Learners who recorded something.")
    active_learners = _count("activeLearners", "Those who watched in the last 7 days.")
    completed_learners = _count("completedLearners", "Those at 100 percent.")
    certificates = _count("certificates", "Those who earned the certificate.")
    average_percentage = _average("averagePercentage", "Completion percentage on average")
    total_watch_time = _count("totalWatchTime", "Seconds watched by all of them.")
    chapters = fields.List(
        fields.Nested(ChapterReport),
        **named("chapters", "The chapters of the outline in its order, then others by learners."),
        required=True,
    )
    quizzes = fields.List(
        fields.Nested(QuizReport),
        **named("quizzes", "The quizzes of the outline in its order, then others by learners."),
        required=True,
    )
    as_of = fields.DateTime(**named("asOf", "When the report was true."), required=True)


class LearnerSummary(ResponseSchema):
    """How far a learner is."""

    user_id = Id(**described("userId"))
    completion_percentage = WholeNumber(most=100, **described("completionPercentage"))
    chapters_completed = WholeNumber(**described("chaptersCompleted"))
    total_chapters = WholeNumber(**described("totalChapters"))
    quizzes_passed = _count("quizzesPassed", "Quizzes that are passed and count.")
    certificate_earned = TrueOrFalse(**described("certificateEarned"))
    total_watch_time = WholeNumber(**described("totalWatchTime"))
    last_watched_at = fields.DateTime(**described("lastWatchedAt"), allow_none=True)


class LearnerList(ResponseSchema):
    """A page of a tutorial's learners."""

    items = fields.List(
        fields.Nested(LearnerSummary), **named("items", "The learners, by userId."), required=True
    )
    next = fields.String(
        **named("next", "The cursor of the next page; null on the last one."),
        required=True,
        allow_none=True,
    )


def names_of(schema: type[Schema]) -> list[str]:
    """Return the names of the fields in JSON, in their order.

    Args:
        schema: of a response.
    """
    return [field.data_key or name for name, field in schema().fields.items()]


_CHAPTER, _QUIZ, _LEARNER = map(names_of, (ChapterReport, QuizReport, LearnerSummary))


def report_json(report: records.Report) -> dict[str, Any]:
    """Return a report as `TutorialReport` describes it.

    Args:
        report: returned by the repository.
    """
    return {
        "tutorialId": report.tutorial_id,
        "title": report.title,
        "learners": report.learners,
        "activeLearners": report.active_learners,
        "completedLearners": report.completed_learners,
        "certificates": report.certificates,
        "averagePercentage": report.average_percentage,
        "totalWatchTime": report.total_watch_time,
        "chapters": [dict(zip(_CHAPTER, chapter, strict=True)) for chapter in report.chapters],
        "quizzes": [dict(zip(_QUIZ, quiz, strict=True)) for quiz in report.quizzes],
        "asOf": rfc3339(report.as_of),
    }


def learners_json(page: records.LearnerPage) -> dict[str, Any]:
    """Return a page as `LearnerList` describes it.

    Args:
        page: returned by the repository.
    """
    items = [dict(zip(_LEARNER, learner_values(learner), strict=True)) for learner in page.items]
    return {"items": items, "next": page.next}


def learner_values(learner: records.LearnerSummary) -> tuple[Any, ...]:
    """Return the values of a `LearnerSummary` in the order of its fields.

    Args:
        learner: returned by the repository.
    """
    *counts, watched = learner
    return *counts, watched and rfc3339(watched)
