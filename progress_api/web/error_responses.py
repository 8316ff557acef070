"""Turn exceptions into JSON responses, one table from exception to status (spec 5.5, 5.6)."""

import logging
import time
import traceback
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from progress_api import exceptions as failures
from progress_api.database import message_of
from progress_api.monitoring.requests import request_id
from progress_api.web.endpoint import Errors
from progress_api.web.host_limits import limit_exceeded
from progress_api.web.responses import json_response

# The status and the `error` of each exception that any endpoint may raise.
ERRORS: Errors = {
    failures.MalformedBody: (400, "Invalid JSON"),
    failures.IncompleteBody: (400, "Incomplete request body"),
    failures.InvalidFields: (400, "Invalid request"),
    failures.Unauthenticated: (401, "Authentication required"),
    failures.NotYourProgress: (403, "Forbidden"),
    failures.ScopeMissing: (403, "Forbidden"),
    failures.InsecureTransport: (403, "HTTPS required"),
    failures.BodyTooLarge: (413, "Request body too large"),
    failures.UnsupportedBody: (415, "Unsupported media type"),
    failures.LimitExceeded: (429, "Too many requests"),
    failures.DatabaseUnavailable: (503, "Service unavailable"),
    failures.KeysUnavailable: (503, "Service unavailable"),
    failures.ReportsBusy: (503, "Service unavailable"),
    failures.ProgressError: (500, "Internal server error"),
}
UNEXPECTED = failures.ProgressError(
    "The service failed; try again, and give the requestId to its operators."
)
_DETAILS = {
    404: "There is nothing at this address; check its path.",
    405: "This address does not take this method; the Allow header lists those that it takes.",
    500: UNEXPECTED.detail,
}
# Headers of the host app's own refusals, if the host app does not set them.
_RETRY_AFTER = {"Retry-After": str(failures.Unavailable.retry_after)}
_HEADERS_OF_STATUS = {401: {"WWW-Authenticate": "Bearer"}, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
_log = logging.getLogger("progress_api.errors")


def register(scaffold: Flask | Blueprint, errors: Errors) -> None:
    """Respond to every exception in JSON.

    Args:
        scaffold: the service's own app, or the blueprint in a host app.
        errors: of the API.
    """
    respond_http = partial(_respond_http, errors)
    scaffold.register_error_handler(failures.ProgressError, partial(_respond, errors))
    scaffold.register_error_handler(HTTPException, respond_http)
    # Flask prefers an app's handler of a status to a blueprint's handler of a class.
    for status in default_exceptions:
        scaffold.register_error_handler(status, respond_http)
    scaffold.register_error_handler(Exception, _respond_unexpected)


def _respond(errors: Errors, error: failures.ProgressError) -> Response:
    g.progress_failure = error  # for the metrics
    status, body = envelope(error, request_id(), errors)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason = message_of(error.__cause__) if error.__cause__ else ""
        _log.error("%s: %s", type(error).__name__, f"{error.detail} {reason}".strip())
    response = json_response(body, status)
    response.set_lasting(_headers(error))
    return response


def envelope(
    error: failures.ProgressError, request: str | None, errors: Errors
) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the response to an exception.

    Args:
        error: the exception.
        request: the id of the request that failed.
        errors: the table of the API; a class that is not in it has the entry of its parent.
    """
    status, text = next(errors[kind] for kind in type(error).__mro__ if kind in errors)
    body: dict[str, Any] = {"error": text, "detail": error.detail, "requestId": request}
    if isinstance(error, failures.InvalidFields):
        body["fields"] = error.fields
    if isinstance(error, failures.NotEligible) and error.missing:
        body["missing"] = error.missing
    return status, body


def http_error_body(status: int, request: str | None, detail: str | None = None) -> dict[str, Any]:
    """Return the body of the response to an error of HTTP, such as an unknown path.

    Args:
        status: of the response.
        request: the id of the request that failed.
        detail: one sentence; a general one for the status when not given.
    """
    detail = detail or _DETAILS.get(status) or _description(status)
    error = HTTP_STATUS_CODES.get(status, "Refused")
    return {"error": error, "detail": detail, "requestId": request}


def _headers(error: failures.ProgressError) -> dict[str, str]:
    if isinstance(error, failures.Unauthenticated):
        return {"WWW-Authenticate": _challenge(error)}
    if isinstance(error, failures.EncodedBody):
        return {"Accept-Encoding": "identity"}
    if isinstance(error, failures.Unavailable):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, failures.LimitExceeded):
        return {
            "Retry-After": str(error.reset_in),
            "X-RateLimit-Limit": str(error.limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(time.time()) + error.reset_in),
        }
    return {}


def _challenge(error: failures.Unauthenticated) -> str:
    """Return `WWW-Authenticate`; it says what is wrong with a token that was sent (spec 4.12)."""
    if error.reason == "missing":
        return "Bearer"
    return f'Bearer error="invalid_token", error_description="{error.detail}"'


def _respond_http(errors: Errors, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if exceeded := limit_exceeded(error):
        return _respond(errors, exceeded)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = json_response(http_error_body(status, request_id(), _host_message(error)), status)
    response.set_lasting(_HEADERS_OF_STATUS.get(status, {}) | _headers_of_host(error))
    return response


def _headers_of_host(error: HTTPException) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(sorted(error.valid_methods or ()))}
    return {name: value for name, value in error.get_headers() if name != "Content-Type"}


def _description(status: int) -> str:
    known = status in HTTPStatus.__members__.values()
    return (HTTPStatus(status).description if known else "") or "The request is refused."


def _host_message(error: HTTPException) -> str | None:
    """Return the sentence that the host app has given, if it is not the one of Werkzeug."""
    message = error.description
    return message if isinstance(message, str) and message != type(error).description else None


def _respond_unexpected(error: Exception) -> Response:
    # Without the message: that of a driver holds the values of the statement.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected failure: %s", type(error).__name__, extra={"frames": frames})
    status, body = envelope(UNEXPECTED, request_id(), ERRORS)
    return json_response(body, status)
