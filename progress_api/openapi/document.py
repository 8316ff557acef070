"""The OpenAPI document, made from the endpoints of the API."""

import json
from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from progress_api.openapi.field_docs import describe_field
from progress_api.openapi.operations import operation_of, path_of
from progress_api.openapi.responses import Responses
from progress_api.settings import Settings
from progress_api.version import VERSION
from progress_api.web.endpoint import API

_SCHEMES = {
    "headers": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    "cookies": {
        "cookie": {"type": "apiKey", "in": "cookie", "name": "access_token_cookie"},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-TOKEN"},
    },
}


@lru_cache(maxsize=16)
def document(
    api: API,
    settings: Settings,
    prefix: str,
    root: str = "",
    token_locations: tuple[str, ...] = ("headers",),
) -> bytes:
    """Return the OpenAPI 3.1 document of a mounted service, in JSON.

    Args:
        api: what is mounted.
        settings: of the service; its limits and sizes are in the document.
        prefix: the path that it is mounted at, without a slash at its end.
        root: the path of the whole application, on a server of several applications.
        token_locations: where tokens may be; none if a host app identifies the learner.
    """
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    tags = dict.fromkeys(endpoint.tag for endpoint in api.endpoints)
    spec = APISpec(
        title="Tutorial Progress API",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": api.about(settings)},
        servers=[{"url": root or "/"}],
        tags=[{"name": tag.name, "description": tag.description} for tag in tags],
    )
    assert plugin.converter
    plugin.converter.add_attribute_function(describe_field)  # type: ignore[no-untyped-call]
    responses = Responses(api, settings)
    responses.add_shared(spec)
    for location, schemes in _SCHEMES.items():
        for name, scheme in schemes.items() if location in token_locations else ():
            spec.components.security_scheme(name, scheme)
    for endpoint in api.endpoints:
        operation = operation_of(endpoint, settings, responses.of(endpoint), token_locations)
        path = prefix + path_of(endpoint) or "/"
        spec.path(path, operations={endpoint.method.lower(): operation})
    written = spec.to_dict()
    written["components"]["links"] = responses.links
    return json.dumps(written, ensure_ascii=False, indent=2).encode() + b"\n"


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)
