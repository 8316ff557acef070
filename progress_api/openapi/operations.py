"""Each endpoint as an operation of the document."""

import re
from typing import Any

from progress_api.openapi.schemas import LearnerQuery
from progress_api.settings import Settings
from progress_api.web.endpoint import Access, Endpoint
from progress_api.web.fields import RequestBody

_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": (
        "An id for this request: 1 to 128 of A-Z, a-z, 0-9 and . _ : + / = -. If it is missing, "
        "or has other characters, the service makes one."
    ),
    "schema": {"type": "string"},
}
# A body of these has no meaning to other software, which may refuse to send it.
_WITHOUT_BODY = ("GET", "DELETE")
_VARIABLE = re.compile(r"<(?:[^<>]+:)?(\w+)>")


def path_of(endpoint: Endpoint) -> str:
    """Return the path of an endpoint below the prefix, its variables in braces."""
    names = endpoint.path_names
    return _VARIABLE.sub(lambda match: f"{{{names[match[1]]}}}", endpoint.rule)


def operation_of(
    endpoint: Endpoint,
    settings: Settings,
    responses: dict[str, Any],
    token_locations: tuple[str, ...],
) -> dict[str, Any]:
    """Return the operation of an endpoint.

    Args:
        endpoint: of the API.
        settings: of the service; they hold its rate limit.
        responses: its responses, by status.
        token_locations: where tokens may be; none if a host app identifies the learner.
    """
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "tags": [endpoint.tag.name],
        "summary": endpoint.summary,
        "description": endpoint.description + _limit(endpoint, settings),
    }
    if endpoint.access is Access.PUBLIC:
        operation["security"] = []
    if parameters := _parameters(endpoint):
        operation["parameters"] = parameters
    operation["responses"] = responses
    if endpoint.body and endpoint.method not in _WITHOUT_BODY:
        operation["requestBody"] = _request_body(endpoint, endpoint.body)
    if endpoint.access is not Access.PUBLIC and (schemes := _schemes(endpoint, token_locations)):
        operation["security"] = schemes
    return operation


def _limit(endpoint: Endpoint, settings: Settings) -> str:
    if not endpoint.limit or not settings.ratelimit_enabled:
        return ""
    caller = "address" if endpoint.access is Access.PUBLIC else "learner"
    return f" At most {getattr(settings, endpoint.limit)} for each {caller}."


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if endpoint.path:
        parameters.append({"in": "path", "schema": endpoint.path})
    if endpoint.query:
        parameters.append({"in": "query", "schema": endpoint.query})
    if endpoint.access is Access.PUBLIC:
        return parameters
    if endpoint.is_about_learner:
        parameters.append({"in": "query", "schema": LearnerQuery})
    if endpoint.body and endpoint.body.headers:
        headers = type(endpoint.body)(only=tuple(endpoint.body.headers))
        parameters.append({"in": "header", "schema": headers})
    return [*parameters, _REQUEST_ID]


def _request_body(endpoint: Endpoint, body: RequestBody[Any]) -> dict[str, Any]:
    content = {
        "schema": type(body)(exclude=tuple(body.headers)),
        "example": endpoint.request_example,
    }
    is_required = any(field.required for field in body.fields.values())
    return {"content": {"application/json": content}, "required": is_required}


def _schemes(endpoint: Endpoint, token_locations: tuple[str, ...]) -> list[dict[str, Any]]:
    cookie = ["cookie"] if endpoint.method == "GET" else ["cookie", "csrf"]
    schemes = {"headers": ["bearer"], "cookies": cookie}
    known = [schemes[location] for location in token_locations if location in schemes]
    return [{name: [] for name in names} for names in known]
