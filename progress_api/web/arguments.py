"""Read what a request says: the variables of its path, its body, and the learner it is about."""

import json
from collections.abc import Mapping
from io import RawIOBase
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from flask import Request, g, request
from marshmallow import EXCLUDE, Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from progress_api.exceptions import (
    BodyTooLarge,
    EncodedBody,
    IncompleteBody,
    InvalidFields,
    MalformedBody,
    UnsupportedBody,
)
from progress_api.validation import AN_ID, is_id
from progress_api.web.fields import Body, RequestBody
from progress_api.web.responses import note_body_was_read
from progress_api.web.state import settings

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from progress_api.web.identity import Caller

SLASHES_ENCODED = "progress_api.slashes_encoded"
# The path of the OpenAPI document, below the prefix. As the id of a tutorial it would be
# unreachable by GET, so it is refused everywhere (spec 1.15).
DOCUMENT = "openapi.json"
RESERVED = f"{DOCUMENT} is where this service describes itself."
MAX_LEVELS = 100  # the limit of Python's parser depends on its version and the stack
_TOO_DEEP = f"The JSON of the request body may be nested at most {MAX_LEVELS} levels deep."
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))
# Versions of HTTP that mark the end of each body. Not every server adds `wsgi.input_terminated`.
_FRAMED = ("HTTP/2", "HTTP/3")
_INPUT = "wsgi.input"
_ENDS = "wsgi.input_terminated"
_Record = TypeVar("_Record")


class _CountedInput(RawIOBase):
    """The body of a request as the server sends it; counts what is read, by anybody."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Wrap the server's stream, which ends where the body ends."""
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        """Return True, as `io` asks for."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read into a buffer; return the number of bytes, 0 at the end."""
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self.count += len(data)
        return len(data)


def count_body(*_: object) -> None:
    """Count what hooks of a host read of a body that has no announced length (spec 5.6).

    Runs before them, so that an empty body can be distinguished from a consumed body.
    """
    current: Request = request._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - documented
    environ = current.environ
    if current.content_length is not None or not _announces_body(current):
        return
    if environ.get("SERVER_PROTOCOL", "").startswith(_FRAMED):
        environ.setdefault(_ENDS, True)
    if _ENDS in environ and "stream" not in vars(current):
        environ[_INPUT] = _CountedInput(environ[_INPUT])


def read_path(values: dict[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the variables in the path of the current request.

    Args:
        values: of the variables of the URL rule, as they were routed.
        names: in JSON, of the variables that must be identifiers.

    Raises:
        InvalidFields: names the first invalid one (spec 3.1).
    """
    path = request.environ["PATH_INFO"].encode("latin-1")
    if SLASHES_ENCODED in request.environ:
        path = unquote_to_bytes(path)
        values = {name: unquote(value) for name, value in values.items()}
    for name, shown in names.items():
        if values[name] == DOCUMENT:
            raise InvalidFields({shown: [RESERVED]})
        _check_id(shown, values[name], path)
    return values


def read_body(schema: RequestBody[_Record]) -> Body[_Record]:
    """Return the body of the current request; a missing body is an empty object (spec 1.11).

    Args:
        schema: what the body may hold.

    Raises:
        BodyTooLarge: it is longer than the `max_body` of the endpoint.
        UnsupportedBody: it is not sent as JSON, or with a Content-Encoding.
        IncompleteBody: it is shorter than the headers announce, or a host's hook has read it.
        MalformedBody: it is not a JSON object, or nested too deeply.
        InvalidFields: names each invalid field.
    """
    current: Request = request._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - documented
    body = _body(current) if _announces_body(current) else b""
    values = _parsed(body) if body else {}
    for name in schema.headers.values():
        values.pop(name, None)
        if name in current.headers:
            values[name] = current.headers[name]
    return schema.read(values) if values else schema.empty


def read_query(schema: Schema) -> dict[str, Any]:
    """Return the parameters in the query of the current request, `userId` aside.

    Args:
        schema: of the parameters; others are ignored, and of a repeated one the first counts.

    Raises:
        InvalidFields: names each invalid parameter.
    """
    try:
        loaded: dict[str, Any] = schema.load(request.args.to_dict(), unknown=EXCLUDE)
    except ValidationError as error:
        raise InvalidFields(error.messages_dict) from error
    return loaded


def acting_for(user_id: str | None) -> str:
    """Return the learner that the current request is about (spec 4.7 to 4.9).

    Args:
        user_id: the `userId` of the body; None or "" if it has none.

    Raises:
        NotYourProgress: the body or the query names another learner, and the caller is no admin.
        InvalidFields: they name two learners, or the query an invalid one.
    """
    caller: Caller = g.progress_caller
    return caller.acting_for(user_id, *_user_ids_of_query())


def _user_ids_of_query() -> list[str]:
    if not request.query_string:
        return []
    # Decoded as Latin-1, each byte is one character and can be encoded again.
    query = parse_qsl(request.query_string.decode("latin-1"), encoding="latin-1")
    encoded = [value.encode("latin-1") for name, value in query if name == "userId"]
    user_ids = [value.decode(errors="replace") for value in encoded]
    for user_id, value in zip(user_ids, encoded, strict=True):
        _check_id("userId", user_id, value)
    return user_ids


def _announces_body(request: Request) -> bool:
    """Return whether a body may follow; in HTTP/2 no header needs to announce it."""
    environ = request.environ
    is_announced = "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ
    return is_announced or environ.get("SERVER_PROTOCOL") != "HTTP/1.1"


def _body(request: Request) -> bytes:
    limit: int = getattr(settings(), g.progress_max_body)
    # Werkzeug truncates a chunked body at its limit instead of raising, so read one byte more.
    request.max_content_length = limit + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = bytes(limit + 1)
    except Exception as error:  # each server has its own exceptions for malformed chunks
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
    """Return the least number of bytes that the body has."""
    stream = request.environ[_INPUT]
    if isinstance(stream, _CountedInput):
        return stream.count
    return 1 if "HTTP_TRANSFER_ENCODING" in request.environ else request.content_length or 0


def _check_media_type(request: Request) -> None:
    if not request.is_json:
        raise UnsupportedBody
    encodings = request.headers.get("Content-Encoding", "").lower().split(",")
    if {encoding.strip() for encoding in encodings} - {"", "identity"}:
        raise EncodedBody


def _parsed(body: bytes) -> dict[str, Any]:
    # Counting is fast and enough for nearly every body; it includes brackets in strings.
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
    """Return how deeply JSON is nested; of invalid JSON, at least up to the error."""
    without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    outside_strings = b"".join(without_escapes.split(b'"')[::2])
    brackets = outside_strings.translate(None, _NO_BRACKETS)
    return max(accumulate(_STEPS[bracket] for bracket in brackets), default=0)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(constant)


def _check_id(name: str, value: str, encoded: bytes) -> None:
    try:
        # Werkzeug decodes other bytes to U+FFFD, which would make two identifiers equal.
        encoded.decode()
    except UnicodeDecodeError as error:
        raise InvalidFields({name: [AN_ID]}) from error
    if not is_id(value):
        raise InvalidFields({name: [AN_ID]})
