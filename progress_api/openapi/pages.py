"""Serve the OpenAPI document, and the page `/docs` to try the service on."""

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

_MAX_AGE_SECONDS = 300
_OWN_FILES = Path(__file__).parent / "page"
_OWN_ASSETS = frozenset({"try.js", "page.css"})
_ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
_HEADERS = {
    # The page loads from its own origin only.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def register_page(app: Flask, settings: Settings) -> None:
    """Serve the page `/docs`, and redirect `/` to it, if DOCS_ENABLED is true.

    Args:
        app: the service's own app.
        settings: of the service.

    Raises:
        SettingsError: the assets of the page are not installed.
    """
    if not settings.docs_enabled:
        return
    package = find_spec(SWAGGER_UI)
    if not package or not package.submodule_search_locations:
        raise SettingsError(NO_SWAGGER_UI)
    assets = Path(package.submodule_search_locations[0]) / "dist"
    # Relative addresses, so that the page works behind a gateway that adds a path.
    address = f"{settings.url_prefix}/{DOCUMENT}".lstrip("/")
    page = (_OWN_FILES / "index.html").read_text().format(document=escape(address)).encode()

    def redirect() -> Response:
        return new_response(b"", 302, headers=_HEADERS | {"Location": DOCS_PATH.lstrip("/")})

    def show() -> Response:
        return new_response(page, headers=_HEADERS, mimetype="text/html")

    def asset(name: str) -> Response:
        if name not in _ASSETS | _OWN_ASSETS:
            abort(404)
        response = send_from_directory(_OWN_FILES if name in _OWN_ASSETS else assets, name)
        response.headers.update(_HEADERS)
        return response

    app.add_url_rule("/", "home", redirect)
    app.add_url_rule(DOCS_PATH, "docs", show)
    app.add_url_rule(f"{DOCS_PATH}/<name>", "docs_asset", asset)


def description() -> Response:
    """Return the OpenAPI document (spec 1.15)."""
    mounted, root = state(), request.root_path.rstrip("/")
    tokens = mounted.identity.token_locations
    body = document(mounted.api, mounted.settings, mounted.url_prefix, root, tokens)
    response = new_response(body, mimetype="application/json")
    response.is_public = response.cache_control.public = True
    response.cache_control.max_age = _MAX_AGE_SECONDS
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
    tag=Tag("description", "The description of this API."),
    summary="Get this document",
    description="Needs no token: it holds no data of learners.",
    success="This document.",
    has_etag=True,
)
