"""The endpoints about what a tutorial consists of (spec 13.1, 13.2)."""

from functools import partial

from flask import Response

from progress_api.exceptions import OutlineNotFound
from progress_api.outlines import examples
from progress_api.outlines.repository import OutlineRepository
from progress_api.outlines.schemas import (
    DELETE_RESPONSE,
    Outline,
    OutlineDeleted,
    OutlinePut,
    outline_json,
)
from progress_api.web.arguments import read_body
from progress_api.web.endpoint import Access, Endpoint, Errors, Tag
from progress_api.web.fields import TutorialPath
from progress_api.web.responses import json_response
from progress_api.web.state import service

_OUTLINE_PUT = OutlinePut()


def put(tutorial_id: str) -> Response:
    """Store what a tutorial consists of (spec 13.1)."""
    outline = read_body(_OUTLINE_PUT).record
    stored = service(OutlineRepository).put(tutorial_id, outline)
    return json_response(outline_json(stored))


def get(tutorial_id: str) -> Response:
    """Return what a tutorial consists of (spec 13.2)."""
    stored = service(OutlineRepository).get(tutorial_id)
    return json_response(outline_json(stored))


def delete(tutorial_id: str) -> Response:
    """Remove the outline of a tutorial (spec 13.2)."""
    service(OutlineRepository).delete(tutorial_id)
    return json_response(DELETE_RESPONSE)


ERRORS: Errors = {OutlineNotFound: (404, "No outline found for this tutorial")}
_endpoint = partial(
    Endpoint,
    rule="/<tutorial_id>/outline",
    limit="ratelimit_outline",
    tag=Tag("outlines", "What a tutorial consists of."),
    path=TutorialPath(),
)

ENDPOINTS = (
    _endpoint(
        name="put_outline",
        method="PUT",
        view=put,
        access=Access.AUTHOR,
        operation_id="putOutline",
        summary="Store what a tutorial consists of",
        description="From then on the chapters and quizzes of the outline count, and a posted "
        "totalChapters is ignored. It holds at once for all learners.",
        body=_OUTLINE_PUT,
        max_body="progress_max_outline_bytes",
        response=Outline(),
        request_example=examples.OUTLINE_PUT,
        response_example=examples.STORED,
    ),
    _endpoint(
        name="get_outline",
        method="GET",
        view=get,
        access=Access.LEARNER,
        operation_id="getOutline",
        summary="Get what a tutorial consists of",
        description="Every learner may read it.",
        response=Outline(),
        failures=(OutlineNotFound(),),
        response_example=examples.STORED,
    ),
    _endpoint(
        name="delete_outline",
        method="DELETE",
        view=delete,
        access=Access.AUTHOR,
        operation_id="deleteOutline",
        summary="Remove the outline of a tutorial",
        description="The player then says again how many chapters there are. Succeeds even if "
        "there is no outline.",
        response=OutlineDeleted(),
        response_example=DELETE_RESPONSE,
    ),
)
