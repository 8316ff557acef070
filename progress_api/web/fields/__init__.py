"""Fields, bodies and parameters of requests and responses that all capabilities share."""

from progress_api.web.fields.bodies import (
    LEARNER_BODY,
    NO_BODY,
    Body,
    LearnerBody,
    RequestBody,
    ResponseSchema,
)
from progress_api.web.fields.parameters import TUTORIAL_ID, TutorialPath, page_query
from progress_api.web.fields.values import (
    IDEMPOTENCY_KEY,
    USER_ID,
    Id,
    IdempotencyKey,
    QueryNumber,
    Seconds,
    Text,
    TrueOrFalse,
    UserId,
    WholeNumber,
    named,
    rfc3339,
)

__all__ = [
    "IDEMPOTENCY_KEY",
    "LEARNER_BODY",
    "NO_BODY",
    "TUTORIAL_ID",
    "USER_ID",
    "Body",
    "Id",
    "IdempotencyKey",
    "LearnerBody",
    "QueryNumber",
    "RequestBody",
    "ResponseSchema",
    "Seconds",
    "Text",
    "TrueOrFalse",
    "TutorialPath",
    "UserId",
    "WholeNumber",
    "named",
    "page_query",
    "rfc3339",
]
