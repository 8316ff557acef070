"""Where the document is served, and the page to try the service on."""

import hashlib
from html import escape
from importlib.util import find_spec
from pathlib import Path

from flask import Flask, Response, abort, request, send_from_directory

from progress_api.exceptions import SettingsError
from progress_api.openapi.document import document
from progress_api.settings import DOCS_PATH, NO_SWAGGER_UI, SWAGGER_UI, Settings
from progress_api.web.arguments import DOCUMENT
from progress_api.web.endpoint import Access, Endpoint, Tag
from progress_api.web.responses import new_response
from progress_api.web.state import state

_KEPT_SECONDS = 300
_SCRIPT = "try.js"
_ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
_HEADERS = {
    # The page and what it asks are of this origin, and nothing of it is of any other.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Relative addresses, so that it works below any path that a gateway puts in front.
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tutorial Progress API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="service-desc" href="{document}">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/{script}"></script>
</html>
"""


def register_page(app: Flask, settings: Settings) -> None:
    """Serve the page to try the service on, if it is wanted.

    Args:
        app: the service on its own.
        settings: whether it is, and where the document is.

    Raises:
        SettingsError: it is wanted, and its assets are not installed.
    """
    if not settings.docs_enabled:
        return
    found = find_spec(SWAGGER_UI)
    if not found or not found.submodule_search_locations:
        raise SettingsError(NO_SWAGGER_UI)
    assets = Path(found.submodule_search_locations[0]) / "dist"
    address = f"{settings.url_prefix}/{DOCUMENT}".lstrip("/")
    page = _PAGE.format(document=escape(address), script=_SCRIPT).encode()

    def show() -> Response:
        return new_response(page, headers=_HEADERS, mimetype="text/html")

    def asset(name: str) -> Response:
        if name not in _ASSETS | {_SCRIPT}:
            abort(404)
        answer = send_from_directory(Path(__file__).parent if name == _SCRIPT else assets, name)
        answer.headers.update(_HEADERS)
        return answer

    app.add_url_rule(DOCS_PATH, "docs", show)
    app.add_url_rule(f"{DOCS_PATH}/<name>", "docs_asset", asset)


def description() -> Response:
    """Return the OpenAPI document (spec 1.15)."""
    mounted, root = state(), request.root_path.rstrip("/")
    tokens = mounted.identity.token_locations
    body = document(mounted.api, mounted.settings, mounted.url_prefix, root, tokens)
    response = new_response(body, mimetype="application/json")
    response.cache_control.public = True
    response.cache_control.max_age = _KEPT_SECONDS
    response.set_etag(hashlib.sha256(body).hexdigest())
    response.make_conditional(request)
    return response


ENDPOINT = Endpoint(
    name="description",
    method="GET",
    rule=f"/{DOCUMENT}",
    view=description,
    access=Access.PUBLIC,
    limit=None,
    operation_id="getDescription",
    tag=Tag("description", "What the service says of itself."),
    summary="Get this document",
    description="It needs no token: it tells nothing of anybody.",
    success="This document.",
    has_etag=True,
)
