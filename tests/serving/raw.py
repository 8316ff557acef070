"""Bytes to a service as no HTTP client would send them."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from socket import SHUT_WR, create_connection, socket
from typing import Any

from tests.client import PREFIX, Answer
from tests.described import assert_described
from tests.serving.service import Service


@dataclass(frozen=True)
class Raw:
    """What came back; `status` 0 where the connection was closed without an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def body(self) -> Any:
        """The body, which must be JSON."""
        assert self.headers["Content-Type"] == "application/json", self
        return json.loads(self.data)


def exchange(service: Service, data: bytes, *, close: bool = False) -> Raw:
    """Send bytes on a connection of its own and read one answer, which is as it is described.

    Args:
        service: where to.
        data: the bytes.
        close: say that no more will come.
    """
    method, _, rest = data.decode("latin-1").partition(" ")
    told = answer_to(service, data, close=close)
    if told.status:
        answer = Answer(told.status, told.body, told.headers)
        assert_described(PREFIX, method, rest.partition(" ")[0], answer)
    return told


def answer_to(service: Service, data: bytes, *, method: str = "GET", close: bool = False) -> Raw:
    """Send bytes as they are, whatever is answered.

    Args:
        service: where to.
        data: the bytes.
        method: of the request that they are; the answer to a HEAD has no body.
        close: say that no more will come.
    """
    with create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        with suppress(OSError):  # who refuses it need not read it to its end
            connection.sendall(data)
            if close:
                connection.shutdown(SHUT_WR)
        response = HTTPResponse(connection, method=method)
        try:
            response.begin()
        except ConnectionError:
            return Raw(0, {}, b"")
        with response:
            return Raw(response.status, dict(response.headers.items()), response.read())


def send(client: socket, method: str, path: str, body: bytes, *headers: str) -> None:
    """Send a request to a path below the prefix, as much of it as the server takes."""
    lines = [f"{method} {PREFIX}{path} HTTP/1.1", "Host: x", *headers, "", ""]
    with suppress(BrokenPipeError, ConnectionResetError):  # it need not be read to its end
        client.sendall("\r\n".join(lines).encode() + body)


def answered(client: socket, method: str = "GET") -> tuple[int, str | None]:
    """The status of the next answer, and what it says of the connection."""
    with HTTPResponse(client, method=method) as response:
        response.begin()
        assert isinstance(json.loads(response.read()), dict)
        return response.status, response.headers["Connection"]


def assert_closed(client: socket) -> None:
    """The server has closed the connection."""
    with suppress(ConnectionResetError):
        assert client.recv(1) == b""
