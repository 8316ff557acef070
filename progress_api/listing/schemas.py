"""The response of the list, in JSON (spec 11.1 to 11.6)."""

from typing import Any

from marshmallow import fields

from progress_api.progress import records
from progress_api.progress.schemas import described
from progress_api.web.fields import Id, ResponseSchema, TrueOrFalse, WholeNumber, named, rfc3339


class LastChapter(ResponseSchema):
    """The chapter of a tutorial that was recorded last."""

    chapter_id = Id(**described("chapterId"))
    last_position = WholeNumber(**described("lastPosition"))
    completed = TrueOrFalse(**described("completed"))


class TutorialSummary(ResponseSchema):
    """A learner's progress in one tutorial, without its lists."""

    tutorial_id = Id(**described("tutorialId"))
    user_id = Id(**described("userId"))
    completion_percentage = WholeNumber(most=100, **described("completionPercentage"))
    chapters_completed = WholeNumber(**described("chaptersCompleted"))
    total_chapters = WholeNumber(**described("totalChapters"))
    certificate_eligible = TrueOrFalse(**described("certificateEligible"))
    certificate_earned = TrueOrFalse(**described("certificateEarned"))
    total_watch_time = WholeNumber(**described("totalWatchTime"))
    last_watched_at = fields.DateTime(**described("lastWatchedAt"), allow_none=True)
    last_chapter = fields.Nested(
        LastChapter,
        **named(
            "lastChapter",
            "The chapter that was recorded last, where the learner can go on; null if none is.",
        ),
        required=True,
        allow_none=True,
    )
    title = fields.String(
        **named("title", "The title of the tutorial; null if it has none."),
        required=True,
        allow_none=True,
    )


class TutorialList(ResponseSchema):
    """A page of a learner's tutorials."""

    items = fields.List(
        fields.Nested(TutorialSummary),
        **named("items", "The tutorials, the one watched last first."),
        required=True,
    )
    next = fields.String(
        **named("next", "The cursor of the next page; null on the last one."),
        required=True,
        allow_none=True,
    )


def list_json(page: records.TutorialPage) -> dict[str, Any]:
    """Return a page as `TutorialList` describes it.

    Args:
        page: returned by the repository.
    """
    return {"items": [_summary_json(item) for item in page.items], "next": page.next}


def _summary_json(summary: records.TutorialSummary) -> dict[str, Any]:
    chapter = summary.last_chapter
    return {
        "tutorialId": summary.tutorial_id,
        "userId": summary.user_id,
        "completionPercentage": summary.completion_percentage,
        "chaptersCompleted": summary.chapters_completed,
        "totalChapters": summary.total_chapters,
        "certificateEligible": summary.certificate_eligible,
        "certificateEarned": summary.certificate_earned,
        "totalWatchTime": summary.total_watch_time,
        "lastWatchedAt": summary.last_watched_at and rfc3339(summary.last_watched_at),
        "lastChapter": chapter
        and {
            "chapterId": chapter.chapter_id,
            "lastPosition": chapter.last_position,
            "completed": chapter.completed,
        },
        "title": summary.title,
    }
