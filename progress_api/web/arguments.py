"""From the bytes of a request to arguments that are within bounds."""

import json
from itertools import accumulate
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from flask import Request
from marshmallow import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from progress_api.exceptions import (
    BodyTooLarge,
    EncodedBody,
    IncompleteBody,
    InvalidFields,
    InvalidScore,
    MalformedBody,
    UnsupportedBody,
)
from progress_api.validation import AN_ID, is_id
from progress_api.web.responses import note_body_was_read
from progress_api.web.schemas import IDEMPOTENCY_KEY, SCORE_OUT_OF_RANGE, LearnerBody

SLASHES_ENCODED = "progress_api.slashes_encoded"
# Where the service describes itself, and so no tutorialId: its progress could not be read.
DOCUMENT = "openapi.json"
RESERVED = f"{DOCUMENT} is where this service describes itself."
MAX_LEVELS = 100  # how deep each Python's own parser goes depends on its version and its stack
_TOO_DEEP = f"The JSON of the request body may be nested at most {MAX_LEVELS} levels deep."
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def read_tutorial(request: Request, tutorial_id: str) -> str:
    """Return the tutorialId of the path.

    Args:
        request: where it is as it was sent.
        tutorial_id: as it was routed.

    Raises:
        InvalidFields: it is no id.
    """
    sent = request.environ["PATH_INFO"].encode("latin-1")
    if SLASHES_ENCODED in request.environ:
        tutorial_id, sent = unquote(tutorial_id), unquote_to_bytes(sent)
    if tutorial_id == DOCUMENT:
        raise InvalidFields({"tutorialId": [RESERVED]})
    return _checked("tutorialId", tutorial_id, sent)


def read_user_ids(request: Request) -> list[str]:
    """Return each userId of the query that is not empty.

    Args:
        request: whose query it is.

    Raises:
        InvalidFields: one is no id.
    """
    # As Latin-1 each byte is a character, and is had back as it was sent.
    query = parse_qsl(request.query_string.decode("latin-1"), encoding="latin-1")
    sent = [value.encode("latin-1") for name, value in query if name == "userId"]
    return [_checked("userId", user_id.decode(errors="replace"), user_id) for user_id in sent]


def read_body(request: Request, schema: LearnerBody, limit: int) -> tuple[str | None, Any]:
    """Return the userId of the body, and what else it tells; no body is an empty object.

    Args:
        request: whose body it is.
        schema: what the body may hold.
        limit: how many bytes it may have.

    Raises:
        BodyTooLarge: it is longer than the setting allows.
        UnsupportedBody: it is not sent as JSON, or with a Content-Encoding.
        IncompleteBody: less of it can be read than the headers announce.
        MalformedBody: it is no JSON object, or nested too deep.
        InvalidFields: naming each field and what it may be.
    """
    body = _body(request, limit) if _announces_body(request) else b""
    values = _parsed(body) if body else {}
    values.pop(IDEMPOTENCY_KEY, None)
    if IDEMPOTENCY_KEY in request.headers:
        values[IDEMPOTENCY_KEY] = request.headers[IDEMPOTENCY_KEY]
    try:
        loaded: tuple[str | None, Any] = schema.load(values) if values else schema.nothing
    except ValidationError as error:
        raise _invalid(error.messages_dict) from error
    return loaded


def _announces_body(request: Request) -> bool:
    """Whether a body may follow; above HTTP/1.1 one need not be announced."""
    sent = request.environ
    announced = "CONTENT_LENGTH" in sent or "HTTP_TRANSFER_ENCODING" in sent
    return announced or sent.get("SERVER_PROTOCOL") != "HTTP/1.1"


def _body(request: Request, limit: int) -> bytes:
    # One byte more than allowed: a chunked body that is too long is cut off there, not refused.
    request.max_content_length = limit + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = bytes(limit + 1)
    except Exception as error:  # each server raises errors of its own for chunks that are none
        raise MalformedBody from error
    if len(body) > limit:
        raise BodyTooLarge(f"The request body may have at most {limit} bytes.")
    note_body_was_read(request)
    announced = _announced_bytes(request)
    if body or announced:
        _check_media_type(request)
    if len(body) < announced:
        raise IncompleteBody
    return body


def _announced_bytes(request: Request) -> int:
    """Return how many bytes the body must have at least; its length is unknown in chunks."""
    return 1 if "HTTP_TRANSFER_ENCODING" in request.environ else request.content_length or 0


def _check_media_type(request: Request) -> None:
    if not request.is_json:
        raise UnsupportedBody
    encodings = request.headers.get("Content-Encoding", "").lower().split(",")
    if {encoding.strip() for encoding in encodings} - {"", "identity"}:
        raise EncodedBody


def _parsed(body: bytes) -> dict[str, Any]:
    # The count is quick, and enough for nearly every body: brackets in strings are in it too.
    if body.count(b"[") + body.count(b"{") > MAX_LEVELS and _levels(body) > MAX_LEVELS:
        raise MalformedBody(_TOO_DEEP)
    try:
        parsed = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedBody from error
    if not isinstance(parsed, dict):
        raise MalformedBody
    return parsed


def _levels(body: bytes) -> int:
    """Return how deep the JSON is nested; for invalid JSON, at least how deep it is up to there."""
    without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    outside_strings = b"".join(without_escapes.split(b'"')[::2])
    brackets = outside_strings.translate(None, _NO_BRACKETS)
    return max(accumulate(_STEPS[bracket] for bracket in brackets), default=0)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(constant)


def _checked(name: str, value: str, sent: bytes) -> str:
    try:
        # Werkzeug puts U+FFFD for what is no UTF-8: two ids would become one.
        sent.decode()
    except UnicodeDecodeError as error:
        raise InvalidFields({name: [AN_ID]}) from error
    if not is_id(value):
        raise InvalidFields({name: [AN_ID]})
    return value


def _invalid(messages: dict[str, list[str]]) -> InvalidFields:
    score = messages == {"score": [SCORE_OUT_OF_RANGE]}
    return InvalidScore(messages) if score else InvalidFields(messages)
