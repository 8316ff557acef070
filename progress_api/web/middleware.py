"""What lies between a client and the service on its own: proxies, HTTPS, other origins, slashes."""

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

# A load balancer asks for these without TLS.
HEALTH_PATHS = ("/healthz", "/readyz")
_HSTS = "max-age=31536000"
_PREFLIGHT_SECONDS = 600
_SENT = (
    "Authorization",
    "Content-Type",
    IDEMPOTENCY_KEY,
    "X-Request-ID",
    "X-CSRF-TOKEN",
)
_READ = (
    "Retry-After",
    "X-Request-ID",
    *(f"X-RateLimit-{n}" for n in ("Limit", "Remaining", "Reset")),
)
_KEPT = re.compile("%(2f|25)", re.IGNORECASE)


def register(app: Flask, settings: Settings) -> None:
    """Set up what an app of our own needs; a guest leaves all of it to its host.

    Args:
        app: the service.
        settings: which proxies, origins and transport it has.
    """
    app.url_map.merge_slashes = False
    app.wsgi_app = EncodedSlashes(app.wsgi_app)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        proxied = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    if settings.require_https:
        app.before_request(_refuse_plain_http)
        app.after_request(_send_hsts)
    if settings.cors_origins:
        _allow_origins(app, settings)


def _allow_origins(app: Flask, settings: Settings) -> None:
    app.after_request(_vary_by_origin)  # before the extension, so that it is run after it
    CORS(
        app,
        # As expressions: the extension takes a text with a bracket, as IPv6 has, for one.
        origins=[re.compile(re.escape(origin) + r"\Z") for origin in settings.cors_origins],
        methods=["GET", "POST", "DELETE"],
        allow_headers=list(_SENT),
        expose_headers=list(_READ),
        supports_credentials="cookies" in settings.jwt_token_location,
        max_age=_PREFLIGHT_SECONDS,
    )


def _vary_by_origin(response: Response) -> Response:
    # Also where the origin was not allowed, or a cache gives that answer to one that is.
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
    """Keeps an encoded slash inside the segment that it was sent in.

    WSGI decodes a path before it is routed, so that `a%2Fb` would be two segments. Where a path
    holds such a slash, it and the percent sign stay encoded, and the reader of the tutorialId
    is told to decode it.
    """

    def __init__(self, wsgi_app: "WSGIApplication") -> None:
        """Stand in front of this application."""
        self._wsgi_app = wsgi_app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass the request on, its path changed only if it holds an encoded slash."""
        path = _sent_path(environ)
        if "%2f" in path.lower():
            kept = unquote_to_bytes(_KEPT.sub(r"%25\1", path)).decode("latin-1")
            environ["PATH_INFO"] = kept.removeprefix(environ.get("SCRIPT_NAME", ""))
            environ[SLASHES_ENCODED] = True
        return self._wsgi_app(environ, start_response)


def _sent_path(environ: "WSGIEnvironment") -> str:
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
