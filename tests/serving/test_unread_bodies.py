"""Connections after requests with long bodies: each answer says truly whether its own is kept."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.client import token
from tests.serving.raw import answered, assert_closed, send
from tests.serving.service import Service, new_address

LIMIT = 65536
DRAINED = 65535  # bytes that gunicorn itself reads after an answer, and keeps the connection
SIZES = (1, 1000, DRAINED, DRAINED + 1, 70_000, 200_000, 500_000, 2_000_000)
# Answers for which the body is not read.
UNREAD = {
    "a bad id": ("POST", "/%00/chapter", 400),
    "no token": ("POST", "/intro/chapter", 401),
    "an unknown route": ("POST", "/intro/nothing/here", 404),
    "a wrong method": ("PUT", "/intro", 405),
    "a preflight": ("OPTIONS", "/intro", 200),
    "the document": ("GET", "/openapi.json", 200),
}
WATCHED = b'{"chapterId": "c", "watchTime": 1}'
# Answers for which a body of 64 KiB is read to its end.
READ = {
    "recorded": ("POST", "/intro/chapter", WATCHED, 200),
    "no JSON": ("POST", "/intro/chapter", b"{", 400),
    "no object": ("GET", "/intro", b"[]", 400),
    "a bad field": ("POST", "/intro/quiz", WATCHED, 400),
    "another's": ("DELETE", "/intro?userId=another", b"{}", 403),
    "no progress": ("POST", "/new/complete", b"{}", 404),
}


@pytest.fixture
def client(served: Service) -> Iterator[socket.socket]:
    """A connection from an address of its own."""
    with connected(served) as client:
        yield client


def connected(service: Service) -> closing[socket.socket]:
    address = ("127.0.0.1", service.port)
    opened = socket.create_connection(address, timeout=30, source_address=(new_address(), 0))
    return closing(opened)


def signed(name: str = "") -> list[str]:
    bearer = token(name or f"kept-{new_address()}")
    return [f"Authorization: Bearer {bearer}", "Content-Type: application/json"]


def sized(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def in_chunks(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


def assert_kept(client: socket.socket) -> None:
    send(client, "GET", "/intro", b"", *signed())
    assert answered(client) == (200, "keep-alive")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("method", "path", "status"), UNREAD.values(), ids=UNREAD)
def test_a_connection_is_closed_after_an_unread_body_as_the_answer_says_unless_it_is_short(
    client: socket.socket, method: str, path: str, status: int, size: int
) -> None:
    headers = [] if status == 401 else signed()
    send(client, method, path, b" " * size, f"Content-Length: {size}", *headers)

    if size <= DRAINED:
        assert answered(client, method) == (status, "keep-alive")
        assert_kept(client)
    else:
        assert answered(client, method) == (status, "close")
        assert_closed(client)


@pytest.mark.parametrize("size", [LIMIT + 1, 70_000, 500_000, 2_000_000])
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_connection_is_closed_after_a_body_that_is_too_large(
    client: socket.socket, method: str, size: int, *, chunked: bool
) -> None:
    body, path = b" " * size, "/intro/chapter" if method == "POST" else "/intro"

    if chunked:
        send(client, method, path, in_chunks(body), "Transfer-Encoding: chunked", *signed())
    else:
        send(client, method, path, body, sized(body), *signed())

    assert answered(client) == (413, "close")
    assert_closed(client)


def test_a_connection_is_closed_after_a_long_body_that_came_too_early(
    client: socket.socket,
) -> None:
    headers, body = [*signed(), sized(b" " * 70_000)], b" " * 70_000
    for _ in range(5):
        send(client, "POST", "/intro/complete", b"", *headers[:2])
        assert answered(client) == (404, "keep-alive")

    send(client, "POST", "/intro/complete", body, *headers)

    assert answered(client) == (429, "close")
    assert_closed(client)


def test_a_connection_is_closed_after_a_long_body_over_plain_http(quiet: Service) -> None:
    with connected(quiet) as client:
        body = b" " * 70_000
        send(client, "POST", "/intro/chapter", body, sized(body))

        assert answered(client) == (403, "close")
        assert_closed(client)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("answer", READ)
def test_a_connection_is_kept_after_a_body_that_was_read(
    client: socket.socket, answer: str, *, chunked: bool
) -> None:
    method, path, body, status = READ[answer]
    body = body.ljust(LIMIT)

    if chunked:
        send(client, method, path, in_chunks(body), "Transfer-Encoding: chunked", *signed())
    else:
        send(client, method, path, body, sized(body), *signed())

    assert answered(client) == (status, "keep-alive")
    assert_kept(client)


def test_chunks_that_hold_nothing_are_no_body(client: socket.socket) -> None:
    for method, path, status in (("GET", "/intro", 200), ("POST", "/intro/complete", 404)):
        send(client, method, path, b"0\r\n\r\n", "Transfer-Encoding: chunked", *signed())
        assert answered(client) == (status, "keep-alive")

    assert_kept(client)


def test_a_connection_is_closed_after_malformed_chunks(client: socket.socket) -> None:
    send(client, "POST", "/intro/chapter", b"zz\r\n", "Transfer-Encoding: chunked", *signed())

    assert answered(client) == (400, "close")
    assert_closed(client)


def test_a_connection_is_closed_after_chunks_that_were_not_read(client: socket.socket) -> None:
    send(client, "POST", "/intro/chapter", in_chunks(b"{}"), "Transfer-Encoding: chunked")

    assert answered(client) == (401, "close")
    assert_closed(client)
