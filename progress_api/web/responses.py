"""Responses as clients receive them: what they tell caches, and what becomes of the connection."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import orjson
from flask import Blueprint, Flask, Request, Response, current_app
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_BODY_WAS_READ = "progress_api.body_was_read"
# What gunicorn still reads of a body after the response; of a longer rest it closes the connection.
_DRAINED_BYTES = 65535


class ApiResponse(Response):
    """A response that says `Connection: close` where the rest of the request's body is too long."""

    lasting_headers: Mapping[str, str] = {}

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Start the response, and return its body."""
        if _is_left_unread(environ):
            _close_connection(start_response)
        return super().__call__(environ, start_response)

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        """Return the headers that are sent, `lasting_headers` as they were set."""
        headers = super().get_wsgi_headers(environ)
        headers.update(self.lasting_headers)
        return headers

    def set_lasting(self, headers: Mapping[str, str]) -> None:
        """Set headers that no hook of a host changes, such as those of Flask-Limiter."""
        self.headers.update(headers)
        self.lasting_headers = headers


def new_response(body: bytes, status: int = 200, **given: Any) -> ApiResponse:
    """Return a response that Flask sends as it is, also in an app with its own response class.

    Args:
        body: of the response.
        status: of the response.
        given: what else Flask's own Response takes.
    """
    response, host_class = ApiResponse(body, status, **given), current_app.response_class
    if not issubclass(ApiResponse, host_class):
        # Flask would turn it into a response of the host's class alone.
        response.__class__ = _joined(cast("type", host_class))
    return response


@cache
def _joined(host_class: type) -> type[ApiResponse]:
    return type(host_class.__name__, (ApiResponse, host_class), {})


def json_response(body: Any, status: int = 200) -> ApiResponse:
    """Return a response in JSON; a host app's JSON provider may sort keys or write other forms.

    Args:
        body: what orjson can write.
        status: of the response.
    """
    return new_response(orjson.dumps(body), status, mimetype="application/json")


def register(scaffold: Flask | Blueprint) -> None:
    """Send `Cache-Control: no-store` with every response that does not set its own.

    Args:
        scaffold: the app of the service on its own, the blueprint as a guest.
    """
    scaffold.after_request(_forbid_storing)


def note_body_was_read(request: Request) -> None:
    """Note that nothing is left of the body of a request, so that its connection can be kept."""
    request.environ[_BODY_WAS_READ] = True


def _forbid_storing(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _is_left_unread(environ: "WSGIEnvironment") -> bool:
    if _BODY_WAS_READ in environ:
        return False
    length = environ.get("CONTENT_LENGTH") or "0"
    is_long = not length.isdecimal() or int(length) > _DRAINED_BYTES
    return is_long or "HTTP_TRANSFER_ENCODING" in environ


def _close_connection(start_response: "StartResponse") -> None:
    # An application may not send the header Connection (PEP 3333), and gunicorn leaves it out. Its
    # own way is a method of its response object, of which start_response is a method too.
    force_close = getattr(getattr(start_response, "__self__", None), "force_close", None)
    if force_close:
        force_close()
