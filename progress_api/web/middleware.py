"""What only the service's own app sets up: proxies, HTTPS, CORS and encoded slashes."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from progress_api.exceptions import InsecureTransport
from progress_api.settings import Settings
from progress_api.web.arguments import SLASHES_ENCODED
from progress_api.web.fields import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Load balancers request these over plain HTTP.
HEALTH_PATHS = ("/healthz", "/readyz")
_HSTS = "max-age=31536000"
_PREFLIGHT_SECONDS = 7200  # Chromium keeps a preflight no longer
_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    IDEMPOTENCY_KEY,
    "X-Request-ID",
    "X-CSRF-TOKEN",
)
_RESPONSE_HEADERS = (
    "Retry-After",
    "X-Request-ID",
    *(f"X-RateLimit-{n}" for n in ("Limit", "Remaining", "Reset")),
)
_SLASH_OR_PERCENT = re.compile("%(2f|25)", re.IGNORECASE)


def register(app: Flask, settings: Settings) -> None:
    """Set up proxies, HTTPS, CORS and encoded slashes; in a host app they are the host's.

    Args:
        app: the service's own app.
        settings: of the service.
    """
    app.url_map.merge_slashes = False
    app.wsgi_app = EncodedSlashes(app.wsgi_app)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        # Not X-Forwarded-Host: a proxy that passes on the client's would let it choose the address
        # of a certificate, on a page that is cached for others.
        proxied = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    if settings.require_https:
        app.before_request(_refuse_plain_http)
        app.after_request(_send_hsts)
    if settings.cors_origins:
        _allow_origins(app, settings)


def _allow_origins(app: Flask, settings: Settings) -> None:
    app.after_request(_vary_by_origin)  # runs after the extension, as it is registered before
    CORS(
        app,
        # Compiled: the extension treats text with a bracket, as in IPv6, as an expression.
        origins=[re.compile(re.escape(origin) + r"\Z") for origin in settings.cors_origins],
        methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=list(_REQUEST_HEADERS),
        expose_headers=list(_RESPONSE_HEADERS),
        supports_credentials="cookies" in settings.jwt_token_location,
        max_age=_PREFLIGHT_SECONDS,
    )


def _vary_by_origin(response: Response) -> Response:
    # For rejected origins too, or a cache could serve that response to an allowed origin.
    response.vary.add("Origin")
    return response


def _refuse_plain_http() -> None:
    if not request.is_secure and request.path not in HEALTH_PATHS:
        raise InsecureTransport


def _send_hsts(response: Response) -> Response:
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = _HSTS
    return response


class EncodedSlashes:
    """Keep an encoded slash within its segment of the path (spec 3.3).

    A WSGI server decodes the path before it is routed, so that `a%2Fb` would become two segments.
    In a path with an encoded slash, slashes and percent signs stay encoded, and `read_path`
    decodes them.
    """

    def __init__(self, wsgi_app: "WSGIApplication") -> None:
        """Wrap an application."""
        self._wsgi_app = wsgi_app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass the request on; its path is changed only if it has an encoded slash."""
        path = _raw_path(environ)
        if "%2f" in path.lower():
            decoded = unquote_to_bytes(_SLASH_OR_PERCENT.sub(r"%25\1", path)).decode("latin-1")
            environ["PATH_INFO"] = decoded.removeprefix(environ.get("SCRIPT_NAME", ""))
            environ[SLASHES_ENCODED] = True
        return self._wsgi_app(environ, start_response)


def _raw_path(environ: "WSGIEnvironment") -> str:
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
