"""The OpenAPI document, made from the schemas that requests go through."""

import json
from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from progress_api.description.meanings import describe_field
from progress_api.description.operations import OPERATIONS, Operation
from progress_api.description.responses import (
    add_shared,
    links,
    responses_of,
    responses_of_document,
)
from progress_api.settings import Settings
from progress_api.version import VERSION
from progress_api.web.arguments import DOCUMENT
from progress_api.web.schemas import check_id

_ABOUT = """\
What each learner has watched of each tutorial, where it stopped, which quizzes are passed, and
whether the certificate is earned.

- The learner is the token's. Naming another one as `userId` needs the scope `{scope}`.
- `null` for a field that is not required is as good as none. Fields not listed are ignored.
- A body has at most {size} bytes; a learner's tutorial has at most {chapters} chapters and
  {quizzes} quizzes.
- Every answer is JSON. OPTIONS is answered on each of these paths, without a token."""
_STICKY = "\n- A completed chapter stays so, whatever is posted later."
_TAGS = [
    {"name": "progress", "description": "A learner's progress in a tutorial."},
    {"name": "description", "description": "What the service says of itself."},
]
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_COOKIE = {"type": "apiKey", "in": "cookie", "name": "access_token_cookie"}
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": (
        "An id for this request: 1 to 128 of A-Z, a-z, 0-9 and . _ : + / = -. It is made where "
        "none is given, or other text."
    ),
    "schema": {"type": "string"},
}
_CSRF = {"type": "apiKey", "in": "header", "name": "X-CSRF-TOKEN"}


class _InPath(Schema):
    tutorial_id = fields.String(data_key="tutorialId", required=True, validate=check_id)


class _InQuery(Schema):
    user_id = fields.String(data_key="userId")


@lru_cache(maxsize=16)
def document(
    settings: Settings, prefix: str, root: str = "", token_locations: tuple[str, ...] = ("headers",)
) -> bytes:
    """Return the description of a mounted service.

    Args:
        settings: whose limits and sizes are told.
        prefix: the path below which it is mounted, without a slash at its end.
        root: the path of the whole application, on a server that serves several.
        token_locations: where tokens are; none where a host knows the learner in its own way.

    Returns:
        An OpenAPI 3.1 document, in JSON.
    """
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="Tutorial Progress API",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": _about(settings)},
        servers=[{"url": root or "/"}],
        tags=_TAGS,
    )
    assert plugin.converter
    plugin.converter.add_attribute_function(describe_field)  # type: ignore[no-untyped-call]
    add_shared(spec, settings)
    _add_security(spec, token_locations)
    _add_paths(spec, settings, prefix, token_locations)
    told = spec.to_dict()
    told["components"]["links"] = links()
    return json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n"


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _about(settings: Settings) -> str:
    about = _ABOUT.format(
        scope=settings.progress_admin_scope,
        size=settings.progress_max_body_bytes,
        chapters=settings.progress_max_chapters,
        quizzes=settings.progress_max_quizzes,
    )
    return about + (_STICKY if settings.progress_sticky_completion else "")


def _add_security(spec: APISpec, token_locations: tuple[str, ...]) -> None:
    if "headers" in token_locations:
        spec.components.security_scheme("bearer", _BEARER)
    if "cookies" in token_locations:
        spec.components.security_scheme("cookie", _COOKIE)
        spec.components.security_scheme("csrf", _CSRF)


def _security(method: str, token_locations: tuple[str, ...]) -> dict[str, Any]:
    cookie = ["cookie"] if method == "get" else ["cookie", "csrf"]
    schemes = {"headers": ["bearer"], "cookies": cookie}
    known = [schemes[location] for location in token_locations if location in schemes]
    return {"security": [{name: [] for name in names} for names in known]} if known else {}


def _add_paths(
    spec: APISpec, settings: Settings, prefix: str, token_locations: tuple[str, ...]
) -> None:
    for operation in OPERATIONS:
        told = _operation(operation, settings) | _security(operation.method, token_locations)
        path = f"{prefix}/{{tutorialId}}{operation.path}"
        spec.path(path, operations={operation.method: told})
    own = {
        "operationId": "getDescription",
        "tags": ["description"],
        "summary": "Get this document",
        "description": "It needs no token: it tells nothing of anybody.",
        "security": [],
        "responses": responses_of_document(settings),
    }
    spec.path(f"{prefix}/{DOCUMENT}", operations={"get": own})


def _operation(operation: Operation, settings: Settings) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"in": "path", "schema": _InPath},
        {"in": "query", "schema": _InQuery},
    ]
    if operation.headers:
        parameters.append({"in": "header", "schema": operation.headers})
    told = {
        "operationId": operation.name,
        "tags": ["progress"],
        "summary": operation.summary,
        "description": operation.rules + _limit(operation, settings),
        "parameters": [*parameters, _REQUEST_ID],
        "responses": responses_of(operation, settings),
    }
    if operation.body:
        content = {"schema": operation.body, "example": operation.sent}
        told["requestBody"] = {
            "content": {"application/json": content},
            "required": bool(operation.sent),
        }
    return told


def _limit(operation: Operation, settings: Settings) -> str:
    if not settings.ratelimit_enabled:
        return ""
    return f" At most {getattr(settings, f'ratelimit_{operation.view}')} of one learner."
