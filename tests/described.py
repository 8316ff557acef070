"""Holds every answer that the tests receive to the OpenAPI document."""

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.http import HTTP_STATUS_CODES

from progress_api import Settings
from progress_api.api import API
from progress_api.openapi.document import document

if TYPE_CHECKING:
    from tests.client import Answer

# Without a rate limit nothing is 429, and so on: these have everything that may be answered.
_EVERYTHING = Settings(
    database_url="postgresql://nowhere/",
    require_https=True,
    jwt_jwks_url="http://nowhere/",
)
# The responses to a request that matches no operation.
_ELSEWHERE = {404: "NotFound", 405: "MethodNotAllowed"}
_TOLD_HEADERS = re.compile(
    r"retry-after|x-ratelimit-.*|www-authenticate|allow|etag|location", re.IGNORECASE
)


def assert_described(
    prefix: str, method: str, path: str, answer: "Answer", *, hosted: bool = False
) -> None:
    """The document describes this answer: its status, its headers and each field of its body.

    Args:
        prefix: the path below which the service is mounted; what is elsewhere is not looked at.
        method: of the request.
        path: of the request, with its query, as it was sent.
        answer: to that request.
        hosted: whether an app serves it that may refuse requests by itself, in our envelope, and
            that may have headers of its own.
    """
    below = path.partition("?")[0].removeprefix(prefix)
    if below == path.partition("?")[0] or (below and not below.startswith("/")):
        return
    if hosted and answer.body.get("error") == HTTP_STATUS_CODES.get(answer.status, "Refused"):
        _validator('{"$ref": "#/components/schemas/Error"}').validate(answer.body)
        return
    response = _response(method.lower(), below, answer.status)
    told = {name.lower() for name in answer.headers.keys()}  # noqa: SIM118 - werkzeug's are pairs
    required = {name.lower() for name in response["headers"]}
    assert required <= told, (method, path, answer.status, required - told)
    assert hosted or not {name for name in told if _TOLD_HEADERS.fullmatch(name)} - required
    for name in response["headers"]:
        kind = _component("headers", name)["schema"]["type"]
        assert kind != "integer" or answer.headers[name].isdecimal(), (name, answer.headers[name])
    if method != "HEAD" and "content" in response:
        media_type = answer.headers.get("Content-Type", "application/json").partition(";")[0]
        schema = response["content"][media_type]["schema"]
        _validator(json.dumps(schema)).validate(answer.body)


def _response(method: str, below: str, status: int) -> Any:
    if method == "options" and status not in _ELSEWHERE:
        return _component("responses", "Options")
    found = _operation({"head": "get"}.get(method, method), below).get(str(status))
    if found is None:
        assert status in _ELSEWHERE, f"{method} {below} is described without a status {status}"
        found = {"$ref": f"#/components/responses/{_ELSEWHERE[status]}"}
    return _component("responses", found["$ref"].rpartition("/")[2]) if "$ref" in found else found


def _operation(method: str, below: str) -> Any:
    for template, operations in _document()["paths"].items():
        if method in operations and re.fullmatch(_pattern(template), below):
            return operations[method]["responses"]
    return {}


@cache
def _pattern(template: str) -> str:
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))


def _component(kind: str, name: str) -> Any:
    return _document()["components"][kind][name]


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = json.loads(schema) | {"components": _strict(_document()["components"])}
    return Draft202012Validator(whole, format_checker=FormatChecker(["date-time"]))


def _strict(part: Any) -> Any:
    """The document lets a later version tell more; the tests do not."""
    if isinstance(part, list):
        return [_strict(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {"additionalProperties": False} if "properties" in part else {}
    return {name: _strict(one) for name, one in part.items()} | closed


@cache
def _document() -> Any:
    # The document's own path is the longest, and so must be looked at first.
    prefix = "/prefix"
    found = json.loads(document(API, _EVERYTHING, prefix, token_locations=("headers", "cookies")))
    paths = {path.removeprefix(prefix): found["paths"][path] for path in found["paths"]}
    found["paths"] = dict(sorted(paths.items(), key=lambda one: "{" in one[0]))
    return found
