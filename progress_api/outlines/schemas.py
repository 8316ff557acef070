"""What requests and responses about outlines hold, in JSON."""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from progress_api.outlines import records
from progress_api.outlines.records import (
    A_CHAPTER_COUNT,
    A_QUIZ_COUNT,
    CERTIFICATE_PERCENTAGE,
    MAX_CHAPTERS,
    MAX_QUIZZES,
)
from progress_api.validation import MAX_TITLE_LENGTH
from progress_api.web.fields import (
    Id,
    RequestBody,
    ResponseSchema,
    Seconds,
    Text,
    TrueOrFalse,
    WholeNumber,
    named,
    rfc3339,
)

DELETE_RESPONSE = {"success": True, "message": "Outline deleted successfully"}
_CHAPTERS = named("chapters", "The chapters in their order, each with another id.")
_QUIZZES = named("quizzes", "The quizzes in their order, each with another id.")
_PERCENTAGE = named(
    "certificatePercentage", "Least percentage of completed chapters that earns the certificate."
)


def _title(of: str) -> Text:
    return Text(MAX_TITLE_LENGTH, **_optional("title", f"Title of the {of}."))


def _optional(name: str, description: str) -> dict[str, Any]:
    return {**named(name, description), "load_default": None, "allow_none": True}


class _Part(Schema):
    """A part of an outline; other fields than these are ignored."""

    class Meta:
        """Clients may send more fields."""

        unknown = EXCLUDE


class OutlineChapter(_Part):
    """A chapter of a tutorial."""

    chapter_id = Id(**named("chapterId", "The chapter of the tutorial."), required=True)
    title = _title("chapter")
    duration = Seconds(**_optional("duration", "Length in seconds, rounded down."))

    @post_load
    def to_record(self, values: dict[str, Any], **_: object) -> records.OutlineChapter:
        """Return the chapter."""
        return records.OutlineChapter(**values)


class OutlineQuiz(_Part):
    """A quiz of a tutorial."""

    quiz_id = Id(**named("quizId", "The quiz of the tutorial."), required=True)
    title = _title("quiz")

    @post_load
    def to_record(self, values: dict[str, Any], **_: object) -> records.OutlineQuiz:
        """Return the quiz."""
        return records.OutlineQuiz(**values)


class _Parts(fields.List[Any]):
    """A list whose length is checked first, because each invalid part has messages of its own."""

    def _deserialize(self, value: Any, *given: Any, **options: Any) -> list[Any]:
        if isinstance(value, list):
            self._validate(value)
        return super()._deserialize(value, *given, **options)


class OutlinePut(RequestBody[records.Outline]):
    """What a tutorial consists of (spec 13.1)."""

    title = _title("tutorial")
    chapters = _Parts(
        fields.Nested(OutlineChapter),
        **_CHAPTERS,
        required=True,
        validate=validate.Length(1, MAX_CHAPTERS, error=A_CHAPTER_COUNT),
    )
    quizzes = _Parts(
        fields.Nested(OutlineQuiz),
        **_QUIZZES,
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=MAX_QUIZZES, error=A_QUIZ_COUNT),
    )
    certificate_percentage = WholeNumber(
        least=1, most=100, **_PERCENTAGE, load_default=None, allow_none=True
    )

    def to_record(self, values: dict[str, Any]) -> records.Outline:
        """Return the outline."""
        return records.Outline(
            title=values["title"],
            chapters=tuple(values["chapters"]),
            quizzes=tuple(values["quizzes"] or ()),
            certificate_percentage=values["certificate_percentage"] or CERTIFICATE_PERCENTAGE,
        )


class Outline(ResponseSchema):
    """The stored outline of a tutorial."""

    tutorial_id = Id(**named("tutorialId", "The tutorial."), required=True)
    title = Text(
        MAX_TITLE_LENGTH,
        **named("title", "Title of the tutorial."),
        required=True,
        allow_none=True,
    )
    chapters = fields.List(fields.Nested(OutlineChapter), **_CHAPTERS, required=True)
    quizzes = fields.List(fields.Nested(OutlineQuiz), **_QUIZZES, required=True)
    certificate_percentage = WholeNumber(least=1, most=100, **_PERCENTAGE, required=True)
    updated_at = fields.DateTime(**named("updatedAt", "When it was last written."), required=True)


class Missing(ResponseSchema):
    """The chapters and quizzes that are missing for the certificate (spec 13.5)."""

    chapters = fields.List(
        fields.String(), **named("chapters", "Up to 20 chapters to complete."), required=True
    )
    quizzes = fields.List(
        fields.String(), **named("quizzes", "Up to 20 quizzes to pass."), required=True
    )


class OutlineDeleted(ResponseSchema):
    """The response to a deletion."""

    success = TrueOrFalse(**named("success", "Always true."), required=True)
    message = fields.String(**named("message", "A message to show."), required=True)


def outline_json(stored: records.TutorialOutline) -> dict[str, Any]:
    """Return an outline as `Outline` describes it.

    Args:
        stored: returned by the repository.
    """
    outline = stored.outline
    return {
        "tutorialId": stored.tutorial_id,
        "title": outline.title,
        "chapters": [
            {"chapterId": chapter.chapter_id, "title": chapter.title, "duration": chapter.duration}
            for chapter in outline.chapters
        ],
        "quizzes": [{"quizId": quiz.quiz_id, "title": quiz.title} for quiz in outline.quizzes],
        "certificatePercentage": outline.certificate_percentage,
        "updatedAt": rfc3339(stored.updated_at),
    }
