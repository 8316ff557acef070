"""What responses tell caches and the connection."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Flask, Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_BODY_WAS_READ = "progress_api.body_was_read"
# What gunicorn still reads of a body after the response; of a longer rest it closes the connection.
_DRAINED_BYTES = 65535


class ApiResponse(Response):
    """A response that says `Connection: close` if the rest of the request's body is too long."""

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Start the response, and return its body."""
        if _is_left_unread(environ):
            _close_connection(start_response)
        return super().__call__(environ, start_response)


def json_response(body: Any, status: int = 200) -> Response:
    """Return a response in JSON; a host app's JSON provider may sort keys or write other forms.

    Args:
        body: what orjson can write.
        status: of the response.
    """
    return ApiResponse(orjson.dumps(body), status, mimetype="application/json")


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
