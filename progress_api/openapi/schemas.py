"""What the document describes besides the endpoints' own requests and responses."""

from marshmallow import Schema, fields

from progress_api.outlines.schemas import Missing
from progress_api.web.fields import ResponseSchema, UserId, named


class LearnerQuery(Schema):
    """The query of each request that is about a learner."""

    user_id = UserId(allow_none=False)


class Error(ResponseSchema):
    """The response to a request that failed (spec 5.5)."""

    error = fields.String(**named("error", "What went wrong, in a few words."), required=True)
    detail = fields.String(
        **named("detail", "One sentence that a person can act on."), required=True
    )
    request_id = fields.String(
        **named(
            "requestId", "The id of the request, as in the header X-Request-ID and in the logs."
        ),
        required=True,
    )
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        **named("fields", "If fields are invalid: the messages about each."),
    )
    missing = fields.Nested(
        Missing,
        **named("missing", "If the outline demands more for the certificate: what is missing."),
    )
