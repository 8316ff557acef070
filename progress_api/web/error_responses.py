"""Where a failure becomes an answer: exception to status, in one envelope."""

import logging
import time
import traceback
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from progress_api import exceptions as failures
from progress_api.database import message_of
from progress_api.monitoring.logs import request_id
from progress_api.web.host_limits import limit_exceeded
from progress_api.web.responses import json_response

RETRY_AFTER_SECONDS = 1
SCORE_OUT_OF_RANGE = "Score must be between 0 and maxScore"

# What is answered to each failure: the status, and the short text, the guide's where it has one.
ANSWERS: dict[type[failures.ProgressError], tuple[int, str]] = {
    failures.MalformedBody: (400, "Invalid JSON"),
    failures.IncompleteBody: (400, "Incomplete request body"),
    failures.InvalidFields: (400, "Invalid request"),
    failures.InvalidScore: (400, SCORE_OUT_OF_RANGE),
    failures.TooManyChapters: (400, "Too many chapters"),
    failures.TooManyQuizzes: (400, "Too many quizzes"),
    failures.NotEligible: (400, "Not eligible for certificate"),
    failures.Unauthenticated: (401, "Authentication required"),
    failures.NotYourProgress: (403, "Forbidden"),
    failures.InsecureTransport: (403, "HTTPS required"),
    failures.ProgressNotFound: (404, "No progress found for this tutorial"),
    failures.BodyTooLarge: (413, "Request body too large"),
    failures.UnsupportedBody: (415, "Unsupported media type"),
    failures.LimitExceeded: (429, "Too many requests"),
    failures.DatabaseUnavailable: (503, "Service unavailable"),
    failures.KeysUnavailable: (503, "Service unavailable"),
    failures.ProgressError: (500, "Internal server error"),
}
UNEXPECTED = failures.ProgressError(
    "The service failed; try again, and give the requestId to its operators."
)
_WHAT_TO_DO = {
    404: "There is nothing at this address; check its path.",
    405: "This address does not take this method; the Allow header lists those that it takes.",
    500: UNEXPECTED.detail,
}
# What a http_error_body of a host's own has where the host does not give it.
_RETRY_AFTER = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_HEADERS_OF_STATUS = {401: {"WWW-Authenticate": "Bearer"}, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
_log = logging.getLogger("progress_api.errors")


def register(scaffold: Flask | Blueprint) -> None:
    """Answer every failure below an app or a blueprint in JSON.

    Args:
        scaffold: the app of the service on its own, the blueprint as a guest.
    """
    scaffold.register_error_handler(failures.ProgressError, answer)
    scaffold.register_error_handler(HTTPException, _answer_http)
    # A host's handler for a status comes before a blueprint's for a class.
    for status in default_exceptions:
        scaffold.register_error_handler(status, _answer_http)
    scaffold.register_error_handler(Exception, _respond_unexpected)


def answer(error: failures.ProgressError) -> Response:
    """Return what is answered to one of our failures."""
    g.progress_failure = error  # what is refused is counted by it
    status, body = envelope(error, request_id())
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # The first line says why; those below it may hold a learner's values.
        why = message_of(error.__cause__) if error.__cause__ else ""
        _log.error("%s: %s", type(error).__name__, f"{error.detail} {why}".strip())
    response = json_response(body, status)
    response.set_lasting(_headers(error))
    return response


def envelope(error: failures.ProgressError, sent_as: str | None) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of what is answered to one of our failures.

    Args:
        error: the failure.
        sent_as: the id of the request that failed.
    """
    status, text = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    body: dict[str, Any] = {"error": text, "detail": error.detail, "requestId": sent_as}
    if isinstance(error, failures.InvalidFields):
        body["fields"] = error.fields
    return status, body


def http_error_body(status: int, sent_as: str | None, told: str | None = None) -> dict[str, Any]:
    """Return the body of what is answered to a request that none of our own failures refused.

    Args:
        status: of the answer.
        sent_as: the id of the request.
        told: a sentence that a person can act on; that of the status where there is none.
    """
    detail = told or _WHAT_TO_DO.get(status) or _described(status)
    error = HTTP_STATUS_CODES.get(status, "Refused")
    return {"error": error, "detail": detail, "requestId": sent_as}


def _headers(error: failures.ProgressError) -> dict[str, str]:
    if isinstance(error, failures.Unauthenticated):
        return {"WWW-Authenticate": _challenge(error)}
    if isinstance(error, failures.EncodedBody):
        return {"Accept-Encoding": "identity"}
    if isinstance(error, failures.Unavailable):
        return _RETRY_AFTER
    if isinstance(error, failures.LimitExceeded):
        return {
            "Retry-After": str(error.reset_in),
            "X-RateLimit-Limit": str(error.limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(time.time()) + error.reset_in),
        }
    return {}


def _challenge(error: failures.Unauthenticated) -> str:
    """Return what was wrong with the token, if one was sent, as RFC 6750 has it (spec 4.12)."""
    if error.reason == "missing":
        return "Bearer"
    return f'Bearer error="invalid_token", error_description="{error.detail}"'


def _answer_http(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if exceeded := limit_exceeded(error):
        return answer(exceeded)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = json_response(http_error_body(status, request_id(), _host_message(error)), status)
    response.set_lasting(_HEADERS_OF_STATUS.get(status, {}) | _headers_of_host(error))
    return response


def _headers_of_host(error: HTTPException) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(sorted(error.valid_methods or ()))}
    return {name: value for name, value in error.get_headers() if name != "Content-Type"}


def _described(status: int) -> str:
    known = status in HTTPStatus.__members__.values()
    return (HTTPStatus(status).description if known else "") or "The request is refused."


def _host_message(error: HTTPException) -> str | None:
    """A sentence that is not Werkzeug's own: a host's hook wrote it for who is refused."""
    told = error.description
    return told if isinstance(told, str) and told != type(error).description else None


def _respond_unexpected(error: Exception) -> Response:
    # Where it was, but not its message: a driver's holds the values of the statement.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected failure: %s", type(error).__name__, extra={"frames": frames})
    status, body = envelope(UNEXPECTED, request_id())
    return json_response(body, status)
