"""What a request with events and its response hold, in JSON (spec 12.1 to 12.8)."""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from progress_api.outlines.schemas import Missing
from progress_api.progress.schemas import (
    ChapterPost,
    CompletionPost,
    Progress,
    QuizPost,
    described,
)
from progress_api.validation import in_utc
from progress_api.web.arguments import DOCUMENT, RESERVED
from progress_api.web.fields import (
    Id,
    LearnerBody,
    ResponseSchema,
    named,
)

RECORDED, REFUSED = "recorded", "refused"
_ID = "The id of the event, chosen by the client; the same each time the event is sent."
_AT = (
    "When it happened: an instant of RFC 3339 with its offset, such as 2026-01-05T10:05:00Z. "
    "An instant in the future counts as now."
)
_TYPE = "chapter, quiz or complete; the other fields are those of that endpoint."
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NOT_AN_INSTANT = "Must be an instant of RFC 3339 with an offset, such as 2026-01-05T10:05:00Z."
_LEAP_SECOND = "60"


class Instant(fields.Field[datetime]):
    """An instant of RFC 3339 (spec 12.2)."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
        if not match:
            raise ValidationError(_NOT_AN_INSTANT)
        date, minutes, seconds, fraction, offset = match.groups(default="")
        if seconds == _LEAP_SECOND:
            seconds, fraction = "59", ".999999"
        try:
            at = datetime.fromisoformat(f"{date}T{minutes}:{seconds}{fraction[:7]}{offset.upper()}")
        except ValueError as error:
            raise ValidationError(_NOT_AN_INSTANT) from error
        return in_utc(at)


_NOT_RESERVED = validate.NoneOf([DOCUMENT], error=RESERVED)


class _EventFields(Schema):
    """What every event has."""

    id = Id(**named("id", _ID), required=True)
    tutorial_id = Id(**described("tutorialId"), validate=_NOT_RESERVED)
    at = Instant(**named("at", _AT), required=True)


class ChapterEvent(_EventFields, ChapterPost):
    """How far a chapter was watched, earlier."""


class QuizEvent(_EventFields, QuizPost):
    """An attempt at a quiz, earlier."""


class CompletionEvent(_EventFields, CompletionPost):
    """A request for the certificate, earlier."""


# Of the body, not of an event.
_NOT_OF_EVENTS = ("user_id",)
EVENTS: Mapping[str, LearnerBody[Any]] = {
    "chapter": ChapterEvent(exclude=_NOT_OF_EVENTS),
    "quiz": QuizEvent(exclude=(*_NOT_OF_EVENTS, "idempotency_key")),
    "complete": CompletionEvent(exclude=_NOT_OF_EVENTS),
}


def _optional(field: fields.Field[Any]) -> fields.Field[Any]:
    optional = copy(field)
    optional.required, optional.allow_none = False, True
    return optional


class Event(ResponseSchema):
    """One event: what the learner did, when, and in which tutorial."""

    id = Id(**named("id", _ID), required=True)
    type = fields.String(
        **named("type", _TYPE), required=True, validate=validate.OneOf(list(EVENTS))
    )
    tutorial_id = Id(**described("tutorialId"))
    at = fields.DateTime(**named("at", _AT), required=True)

    class Meta(ResponseSchema.Meta):
        """The fields that only some types have are optional."""

        include = {
            name: _optional(field)
            for schema in EVENTS.values()
            for name, field in schema.fields.items()
            if name not in _EventFields().fields
        }


class _Events(fields.List[Any]):
    """A list whose items are read one by one later, so that a wrong one stops no other."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return value


class EventsPost(LearnerBody[Sequence[Any]]):
    """Events of one learner (spec 12.1)."""

    events = _Events(
        fields.Nested(Event),
        **named("events", "What the learner did; the fields of an event depend on its type."),
        required=True,
        validate=validate.Length(min=1, error="Must have at least one event."),
    )

    def to_record(self, values: dict[str, Any]) -> Sequence[Any]:
        """Return the events, not validated yet."""
        events: Sequence[Any] = values["events"]
        return events


class EventResult(ResponseSchema):
    """Whether one event is recorded."""

    id = fields.String(**named("id", _ID), required=True, allow_none=True)
    status = fields.String(
        **named("status", "recorded: the event is in, now or from before. refused: it is not."),
        required=True,
        validate=validate.OneOf([RECORDED, REFUSED]),
    )
    error = fields.String(**named("error", "Why it is refused, in a few words."))
    detail = fields.String(**named("detail", "Why it is refused, in one sentence."))
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        **named("fields", "What is wrong with each invalid field."),
    )
    missing = fields.Nested(
        Missing, **named("missing", "What is missing for the certificate, by the outline.")
    )


class EventsResponse(ResponseSchema):
    """The results of all events, and the progress after them."""

    results = fields.List(
        fields.Nested(EventResult),
        **named("results", "One for each event, in the order sent."),
        required=True,
    )
    progress = fields.List(
        fields.Nested(Progress),
        **named("progress", "The progress in each tutorial with a recorded event."),
        required=True,
    )
    server_time = fields.DateTime(
        **named("serverTime", "The clock of the service, in UTC."), required=True
    )
