"""Each status of each operation, with its headers, its body and an example."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from limits import parse
from marshmallow import Schema
from werkzeug.http import HTTP_STATUS_CODES

from progress_api import exceptions as failures
from progress_api.openapi.operations import OPERATIONS, Operation
from progress_api.openapi.schemas import Error
from progress_api.settings import Settings
from progress_api.web.error_responses import UNEXPECTED, envelope, http_error_body

_REQUEST_ID = "0f6c1d2e3b4a59687786a5b4c3d2e1f0"
_HEADERS = {
    "X-Request-ID": ("string", "The request's own id, or the one that it was given."),
    "Retry-After": ("integer", "Seconds to wait before the next try."),
    "X-RateLimit-Limit": ("integer", "Requests that are allowed in one window."),
    "X-RateLimit-Remaining": ("integer", "Requests that are left in this window."),
    "X-RateLimit-Reset": ("integer", "When the window ends, in seconds since 1970."),
    "WWW-Authenticate": ("string", "How to authenticate: Bearer."),
    "Allow": ("string", "The methods that the address takes."),
    "ETag": ("string", "The version of this document; If-None-Match with it is answered 304."),
    "Cache-Control": ("string", "no-store, but for this document: how long it may be kept."),
}
_OF_STATUS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    503: ("Retry-After",),
}


def add_shared(spec: APISpec, settings: Settings) -> None:
    """Add to a document what several operations answer, and what no operation does.

    Args:
        spec: the document.
        settings: of the service.
    """
    for name, (kind, meaning) in _HEADERS.items():
        spec.components.header(
            name, {"description": meaning, "required": True, "schema": {"type": kind}}
        )
    for status, some in _by_status(_common(settings)).items():
        spec.components.response(_name(status), _refused(status, some))
    for status in (404, 405):
        body = http_error_body(status, _REQUEST_ID)
        about = f"{body['error']}: below the prefix, but none of the operations."
        examples = {_name(status): {"summary": body["error"], "value": body}}
        spec.components.response(_name(status), _described(status, about, Error, examples))
    about = "OPTIONS on any of these paths."
    options: dict[str, Any] = {"description": about}
    options["headers"] = {name: name for name in ("Allow", "Cache-Control")}
    options["content"] = {"application/json": {"schema": {"type": "object"}, "example": {}}}
    spec.components.response("Options", options)


def links() -> dict[str, Any]:
    """Return what may be asked next of the same tutorial, by name."""
    same = {"tutorialId": "$request.path.tutorialId"}
    return {one.name: {"operationId": one.name, "parameters": same} for one in OPERATIONS}


def responses_of(operation: Operation, settings: Settings) -> dict[str, Any]:
    """Return what one of the five answers, by status.

    Args:
        operation: which one.
        settings: of the service.
    """
    told = {"example": {"value": operation.told}}
    done = _described(200, "It is done.", operation.answer, told)
    done["links"] = {name: {"$ref": f"#/components/links/{name}"} for name in links()}
    found: dict[int, Any] = {200: done}
    found |= {status: _name(status) for status in _by_status(_common(settings))}
    own = _by_status((*operation.failures, *_limit(operation, settings)))
    found |= {status: _refused(status, some) for status, some in own.items()}
    return {str(status): found[status] for status in sorted(found)}


def responses_of_document(settings: Settings) -> dict[str, Any]:
    """Return what the address of the document itself answers, by status.

    Args:
        settings: of the service.
    """
    whole = _described(200, "This document.", {"type": "object"}, {})
    whole["headers"] |= {"ETag": "ETag"}
    kept = {"description": "It is still the one that the ETag names.", "headers": whole["headers"]}
    insecure = [failures.InsecureTransport()] if settings.require_https else []
    refused = {str(status): _refused(status, some) for status, some in _by_status(insecure).items()}
    return {"200": whole, "304": kept, **refused, "500": _name(500)}


def _common(settings: Settings) -> Iterable[failures.ProgressError]:
    yield failures.Unauthenticated()
    yield failures.NotYourProgress()
    if settings.require_https:
        yield failures.InsecureTransport()
    most = settings.progress_max_body_bytes
    yield failures.BodyTooLarge(f"The request body may have at most {most} bytes.")
    yield failures.UnsupportedBody()
    yield failures.EncodedBody()
    yield UNEXPECTED
    yield failures.DatabaseUnavailable()
    if settings.jwt_jwks_url:
        yield failures.KeysUnavailable()


def _limit(operation: Operation, settings: Settings) -> Iterable[failures.ProgressError]:
    if settings.ratelimit_enabled:
        item = parse(getattr(settings, f"ratelimit_{operation.view}"))
        window = item.get_expiry()
        yield failures.LimitExceeded(limit=item.amount, window=str(item), reset_in=window)


def _by_status(
    some: Iterable[failures.ProgressError],
) -> dict[int, list[failures.ProgressError]]:
    found = defaultdict(list)
    for error in some:
        found[envelope(error, None)[0]].append(error)
    return dict(found)


def _name(status: int) -> str:
    # Python's own names of statuses are others in 3.13.
    return "".join(word.capitalize() for word in HTTP_STATUS_CODES[status].split())


def _refused(status: int, some: Iterable[failures.ProgressError]) -> dict[str, Any]:
    bodies = {type(error).__name__: envelope(error, _REQUEST_ID)[1] for error in some}
    texts = dict.fromkeys(body["error"] for body in bodies.values())
    examples = {name: {"summary": body["error"], "value": body} for name, body in bodies.items()}
    return _described(status, "; ".join(texts) + ".", Error, examples)


def _described(
    status: int, about: str, body: type[Schema] | Schema | dict[str, Any], examples: dict[str, Any]
) -> dict[str, Any]:
    headers = ("X-Request-ID", "Cache-Control", *_OF_STATUS.get(status, ()))
    content = {"schema": body} | ({"examples": examples} if examples else {})
    return {
        "description": about,
        "headers": {name: name for name in headers},
        "content": {"application/json": content},
    }
