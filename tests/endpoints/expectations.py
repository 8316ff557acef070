"""What the tests of the wire share: the endpoints, whole bodies of refusals, and values as JSON."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from flask import Flask

from tests.client import JSON, PREFIX, Answer, InProcess, Learner, token

MOST = 2147483647
NO_TOKEN = "Send a valid token in the header Authorization: Bearer <token>."
NOT_SECONDS = f"Must be a number of seconds, 0 to {MOST}."
NOT_WHOLE = f"Must be a whole number, at most {MOST}."
NOT_BOOLEAN = "Must be true or false."
NOT_TEXT = "Not a valid string."
NOT_AN_ID = "Must be 1 to 255 characters of text, not blank."
MISSING = "Missing data for required field."
NULL = "Field may not be null."
SCORE = "Score must be between 0 and maxScore"

# Each field as the JSON text that it is sent as, so that a test can send what no library writes.
CHAPTER = {"chapterId": '"chapter-1"', "watchTime": "60"}
QUIZ = {"quizId": '"quiz-1"', "score": "8", "maxScore": "10", "passed": "true"}


class Endpoint(NamedTuple):
    """One of the five, with a request body that it takes."""

    method: str
    path: str
    body: Mapping[str, str]


ENDPOINTS = {
    "get": Endpoint("GET", "", {}),
    "chapter": Endpoint("POST", "/chapter", CHAPTER),
    "quiz": Endpoint("POST", "/quiz", QUIZ),
    "complete": Endpoint("POST", "/complete", {}),
    "reset": Endpoint("DELETE", "", {}),
}
WITH_A_BODY = ("chapter", "quiz", "complete", "reset")


def written(fields: Mapping[str, str | None]) -> bytes:
    """A JSON object of fields that are JSON already; None leaves a field out."""
    pairs = (f'"{name}":{value}' for name, value in fields.items() if value is not None)
    return ("{" + ",".join(pairs) + "}").encode()


def ask(
    learner: Learner,
    endpoint: str,
    fields: Mapping[str, str | None] | None = None,
    query: str = "",
) -> Answer:
    """Send an endpoint's usual request, with these fields (as JSON text) changed or left out."""
    method, path, usual = ENDPOINTS[endpoint]
    all_fields = {**usual, **(fields or {})}
    return learner.send(method, path + query, written(all_fields) if all_fields else None)


def ask_path(learner: Learner, path: str, method: str = "GET", data: bytes | None = None) -> Answer:
    """Send to a path below the prefix exactly as it is written."""
    headers = JSON | {"Authorization": f"Bearer {token(learner.name)}"}
    return learner.transport.send(method, PREFIX + path, headers, data)


def ask_without_token(
    app: Flask,
    endpoint: str,
    *,
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
    tutorial: str = "intro",
) -> Answer:
    """Send to an endpoint with no Authorization, but for what the headers hold."""
    method, path, _ = ENDPOINTS[endpoint]
    address = f"{PREFIX}/{tutorial}{path}"
    return InProcess(app).send(method, address, JSON | dict(headers or {}), data)


def assert_refused(
    answer: Answer,
    status: int,
    error: str,
    detail: str,
    fields: Mapping[str, list[str]] | None = None,
) -> None:
    """The answer is this refusal, its whole body."""
    told = {"error": error, "detail": detail, "requestId": answer.headers["X-Request-ID"]}
    expected = told if fields is None else {**told, "fields": fields}
    assert (answer.status, answer.body) == (status, expected)


def assert_field_refused(answer: Answer, name: str, message: str) -> None:
    """The answer is 400 for this one field."""
    assert_refused(answer, 400, "Invalid request", f"{name}: {message}", {name: [message]})


def assert_not_json(answer: Answer) -> None:
    """The response is 400: the body is not a JSON object."""
    detail = 'The request body must be a JSON object, such as {"userId": null}.'
    assert_refused(answer, 400, "Invalid JSON", detail)


def assert_unauthenticated(answer: Answer, detail: str | None = None) -> None:
    """The answer is 401, and says what is wrong with the token, if one was sent (RFC 6750)."""
    detail = detail or str(answer.body["detail"])
    assert_refused(answer, 401, "Authentication required", detail)
    assert re.fullmatch(r"[ !#-\[\]-~]+", detail)
    sent = f'Bearer error="invalid_token", error_description="{detail}"'
    assert answer.headers["WWW-Authenticate"] == ("Bearer" if detail == NO_TOKEN else sent)


def assert_forbidden(answer: Answer) -> None:
    """The answer is 403 for another learner's userId."""
    detail = "The token belongs to another learner than the userId of this request."
    assert_refused(answer, 403, "Forbidden", detail)


@contextmanager
def nothing_changes(learner: Learner) -> Iterator[None]:
    """What is done inside leaves the learner's progress as it was."""
    before = learner.progress()
    yield
    assert learner.progress() == before
