"""Responses: JSON, headers for caches, and what becomes of the connection."""

from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from inspect import getclosurevars, isfunction
from typing import TYPE_CHECKING, Any, cast

import orjson
from flask import Blueprint, Flask, Request, Response, current_app, request
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_BODY_WAS_READ = "progress_api.body_was_read"
_CACHING = "Cache-Control"
_NO_STORE = "no-store"
_JSON = "application/json"
# Gunicorn discards this much of an unread body; if there is more, it closes the connection.
_DRAINED_BYTES = 65535


class ApiResponse(Response):
    """A response that is never stored, and closes the connection if too much is unread."""

    lasting_headers: Mapping[str, str] = {}
    is_public = False  # whether caches may store it, as its Cache-Control says (spec 5.3)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Start the response, and return its body."""
        if _is_left_unread(environ):
            _close_connection(environ, start_response)
        return super().__call__(environ, start_response)

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        """Return the headers to send, with `lasting_headers` unchanged, and `no-store`."""
        headers = super().get_wsgi_headers(environ)
        if self.lasting_headers:
            headers.update(self.lasting_headers)
        if headers.get(_CACHING) != _NO_STORE and not self._may_say_more():
            headers[_CACHING] = _NO_STORE
        return headers

    def _may_say_more(self) -> bool:
        return self.is_public or bool(self.cache_control.no_store)

    def set_lasting(self, headers: Mapping[str, str]) -> None:
        """Set headers that hooks of the host app, such as Flask-Limiter's, cannot change."""
        self.headers.update(headers)
        self.lasting_headers = headers


def new_response(body: bytes | Iterable[bytes], status: int = 200, **given: Any) -> ApiResponse:
    """Return a response that stays an `ApiResponse` in an app with its own response class.

    Args:
        body: of the response; an iterable is sent as it is produced.
        status: of the response.
        given: further arguments of Flask's Response.
    """
    response, host_class = ApiResponse(body, status, **given), current_app.response_class
    if not issubclass(ApiResponse, host_class):
        # Flask would convert it to the host's class, which lacks our methods.
        response.__class__ = _joined(cast("type", host_class))
    return response


@cache
def _joined(host_class: type) -> type[ApiResponse]:
    return type(host_class.__name__, (ApiResponse, host_class), {})


def json_response(body: Any, status: int = 200) -> ApiResponse:
    """Return a JSON response, written without the JSON provider of the app, which may differ.

    Args:
        body: anything that orjson can write.
        status: of the response.
    """
    return new_response(orjson.dumps(body), status, mimetype=_JSON)


def is_preferred(media_type: str) -> bool:
    """Return whether the client of the current request prefers a media type to JSON.

    Of types that it accepts equally it prefers the one that it names: `text/html, */*` is a page.

    Args:
        media_type: that the response may have instead.
    """
    return request.accept_mimetypes.best_match((_JSON, media_type)) == media_type


def redirect_response(location: str) -> ApiResponse:
    """Return a permanent redirect, with a JSON body as every response has.

    Args:
        location: relative to the path of the request, since a gateway may add a prefix.
    """
    response = json_response({"location": location}, HTTPStatus.PERMANENT_REDIRECT)
    response.location = location
    return response


def register(scaffold: Flask | Blueprint) -> None:
    """Send `Cache-Control: no-store` with responses that set no other value (spec 5.3).

    Hooks of the host app see the header, but cannot remove it from an `ApiResponse`.

    Args:
        scaffold: the service's own app, or the blueprint in a host app.
    """
    scaffold.after_request(_forbid_storing)


def note_body_was_read(request: Request) -> None:
    """Note that the body was read to its end, so that the connection can be kept (spec 5.4)."""
    request.environ[_BODY_WAS_READ] = True


def _forbid_storing(response: Response) -> Response:
    response.headers.setdefault(_CACHING, _NO_STORE)
    return response


def _is_left_unread(environ: "WSGIEnvironment") -> bool:
    if _BODY_WAS_READ in environ:
        return False
    length = environ.get("CONTENT_LENGTH") or "0"
    is_long = not length.isdecimal() or int(length) > _DRAINED_BYTES
    return is_long or "HTTP_TRANSFER_ENCODING" in environ


def _close_connection(environ: "WSGIEnvironment", start_response: "StartResponse") -> None:
    # PEP 3333 forbids applications to send Connection, and gunicorn drops it. Gunicorn's response
    # object has a method for it. `start_response` is a method of that object unless middleware
    # wraps it; the function that sends early hints holds the object too.
    hints = environ.get("wsgi.early_hints")
    held = getclosurevars(hints).nonlocals if isfunction(hints) else {}
    for owner in (getattr(start_response, "__self__", None), held.get("resp")):
        force_close = getattr(owner, "force_close", None)
        if force_close:
            force_close()
