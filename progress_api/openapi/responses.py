"""The responses of each endpoint, by status, with headers, body and examples."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from limits import parse
from marshmallow import Schema
from werkzeug.http import HTTP_STATUS_CODES

from progress_api import exceptions as failures
from progress_api.openapi.schemas import Error
from progress_api.settings import Settings
from progress_api.validation import AN_ID
from progress_api.web.endpoint import API, Access, Endpoint
from progress_api.web.error_responses import UNEXPECTED, envelope, http_error_body

_REQUEST_ID = "0f6c1d2e3b4a59687786a5b4c3d2e1f0"
_HEADERS = {
    "X-Request-ID": (
        "string",
        "The id of the request: the one in its X-Request-ID, or a new one.",
    ),
    "Retry-After": ("integer", "Seconds to wait before the next try."),
    "X-RateLimit-Limit": ("integer", "Requests allowed in one window."),
    "X-RateLimit-Remaining": ("integer", "Requests left in this window."),
    "X-RateLimit-Reset": ("integer", "When the window ends, in seconds since 1970."),
    "WWW-Authenticate": (
        "string",
        "Bearer, with an error_description if a token was sent (RFC 6750).",
    ),
    "Location": ("string", "The address to go to, relative to that of the request."),
    "Allow": ("string", "The methods of the address."),
    "ETag": (
        "string",
        "The version of this document; If-None-Match with it returns 304.",
    ),
    "Cache-Control": ("string", "no-store; for a public response, how long it may be cached."),
}
_OF_STATUS = {
    401: ("WWW-Authenticate",),
    308: ("Location",),
    405: ("Allow",),
    429: ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    503: ("Retry-After",),
}

# Of every body.
_UNREADABLE = (failures.MalformedBody(), failures.IncompleteBody())
_WITH_SCOPE = frozenset({Access.TEACHER, Access.AUTHOR, Access.ADMIN})


class Responses:
    """The responses of an API's endpoints."""

    def __init__(self, api: API, settings: Settings) -> None:
        """Describe the responses of a service with these settings."""
        self._errors, self._settings = api.errors, settings
        self._shared = self._by_status(_shared(settings))
        # To each endpoint that can be called next with the same variables of the path.
        self.links = {
            endpoint.operation_id: _link(endpoint)
            for endpoint in api.endpoints
            if endpoint.path_names
        }

    def add_shared(self, spec: APISpec) -> None:
        """Add the responses that endpoints share, and those to other paths and methods.

        Args:
            spec: the document.
        """
        for name, (kind, meaning) in _HEADERS.items():
            spec.components.header(
                name, {"description": meaning, "required": True, "schema": {"type": kind}}
            )
        for status, errors in self._shared.items():
            spec.components.response(_name(status), self._refusal(status, errors))
        for status in (404, 405):
            body = http_error_body(status, _REQUEST_ID)
            description = f"{body['error']}: no operation has this path and method."
            examples = {_name(status): {"summary": body["error"], "value": body}}
            response = _response(status, description, Error, examples)
            spec.components.response(_name(status), response)
        options: dict[str, Any] = {"description": "OPTIONS on any of these paths."}
        options["headers"] = {name: name for name in ("Allow", "Cache-Control")}
        options["content"] = {"application/json": {"schema": {"type": "object"}, "example": {}}}
        spec.components.response("Options", options)

    def of(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the responses of an endpoint, by status.

        Args:
            endpoint: of the API.
        """
        responses: dict[int, Any] = {200: _success(endpoint)}
        if names := set(endpoint.path_names.values()):
            responses[200]["links"] = {
                name: {"$ref": f"#/components/links/{name}"}
                for name, link in self.links.items()
                if link["parameters"].keys() <= names
            }
        if endpoint.has_etag:
            unchanged = "The document still has the version in If-None-Match."
            responses[304] = {"description": unchanged, "headers": responses[200]["headers"]}
        if endpoint.redirect:
            responses[308] = _response(308, endpoint.redirect, {"type": "object"}, {})
        for status, errors in self._by_status(_failures(endpoint, self._settings)).items():
            is_shared = _kinds(errors) == _kinds(self._shared.get(status, []))
            responses[status] = _name(status) if is_shared else self._refusal(status, errors)
        return {str(status): responses[status] for status in sorted(responses)}

    def _by_status(
        self, errors: Iterable[failures.ProgressError]
    ) -> dict[int, list[failures.ProgressError]]:
        by_status = defaultdict(list)
        for error in errors:
            by_status[self._envelope(error)[0]].append(error)
        return dict(by_status)

    def _refusal(self, status: int, errors: Iterable[failures.ProgressError]) -> dict[str, Any]:
        bodies = {type(error).__name__: self._envelope(error)[1] for error in errors}
        texts = dict.fromkeys(body["error"] for body in bodies.values())
        examples = {
            name: {"summary": body["error"], "value": body} for name, body in bodies.items()
        }
        return _response(status, "; ".join(texts) + ".", Error, examples)

    def _envelope(self, error: failures.ProgressError) -> tuple[int, dict[str, Any]]:
        return envelope(error, _REQUEST_ID, self._errors)


def _link(endpoint: Endpoint) -> dict[str, Any]:
    names = endpoint.path_names.values()
    parameters = {name: f"$request.path.{name}" for name in names}
    return {"operationId": endpoint.operation_id, "parameters": parameters}


def _success(endpoint: Endpoint) -> dict[str, Any]:
    example = endpoint.response_example
    examples = {} if example is None else {"example": {"value": example}}
    success = _response(200, endpoint.success, endpoint.response or {"type": "object"}, examples)
    if endpoint.has_etag:
        success["headers"]["ETag"] = "ETag"
    described = success["content"].pop("application/json")
    for media_type in endpoint.media_types:
        is_json = media_type.endswith("json")
        success["content"][media_type] = described if is_json else {"schema": {"type": "string"}}
    return success


def _failures(endpoint: Endpoint, settings: Settings) -> Iterable[failures.ProgressError]:
    if endpoint.body:
        name = "userId" if endpoint.is_about_learner else next(iter(endpoint.path_names.values()))
        yield failures.InvalidFields({name: [AN_ID]})
        yield from _UNREADABLE
    elif endpoint.id_names:
        yield failures.InvalidFields({name: [AN_ID] for name in endpoint.id_names.values()})
    yield from _shared(settings, endpoint)
    if endpoint.limit and settings.ratelimit_enabled:
        item = parse(getattr(settings, endpoint.limit))
        window = item.get_expiry()
        yield failures.LimitExceeded(limit=item.amount, window=str(item), reset_in=window)
    yield from endpoint.failures


def _shared(
    settings: Settings, endpoint: Endpoint | None = None
) -> Iterable[failures.ProgressError]:
    """Yield an example of each failure that most endpoints share."""
    has_token = endpoint is None or endpoint.access is not Access.PUBLIC
    if has_token:
        yield failures.Unauthenticated()
    if endpoint is None or endpoint.is_about_learner:
        yield failures.NotYourProgress()
    if endpoint and endpoint.access in _WITH_SCOPE:
        yield failures.ScopeMissing()
    if settings.require_https:
        yield failures.InsecureTransport()
    if endpoint is None or endpoint.body:
        most = getattr(settings, endpoint.max_body if endpoint else Endpoint.max_body)
        yield failures.BodyTooLarge(f"The request body may have at most {most} bytes.")
        yield failures.UnsupportedBody()
        yield failures.EncodedBody()
    yield UNEXPECTED
    if has_token:
        yield failures.DatabaseUnavailable()
        if settings.jwt_jwks_url:
            yield failures.KeysUnavailable()


def _kinds(errors: Iterable[failures.ProgressError]) -> list[tuple[type, str]]:
    return [(type(error), error.detail) for error in errors]


def _name(status: int) -> str:
    # Not http.HTTPStatus: some of its names differ since Python 3.13.
    return "".join(word.capitalize() for word in HTTP_STATUS_CODES[status].split())


def _response(
    status: int,
    description: str,
    body: type[Schema] | Schema | dict[str, Any],
    examples: dict[str, Any],
) -> dict[str, Any]:
    headers = ("X-Request-ID", "Cache-Control", *_OF_STATUS.get(status, ()))
    content = {"schema": body} | ({"examples": examples} if examples else {})
    return {
        "description": description,
        "headers": {name: name for name in headers},
        "content": {"application/json": content},
    }
