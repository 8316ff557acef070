"""Bytes that are no HTTP, and bodies that end too early."""

import pytest

from tests.client import PREFIX
from tests.serving.raw import exchange
from tests.serving.service import Service, Wire

MALFORMED = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "an unknown version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "no version": (b"GET /\r\nHost: x\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        400,
    ),
    "a length below zero": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        400,
    ),
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "an unknown transfer encoding": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n",
        400,
    ),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "a path that is not ASCII": (b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400),
    "a header that is too large": (
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n",
        431,
    ),
    "too many headers": (
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 150 + b"\r\n",
        431,
    ),
    "an address that is too long": (
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        414,
    ),
}


@pytest.mark.parametrize(("request_bytes", "status"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused_in_json_and_is_no_failure_of_the_service(
    served: Service, request_bytes: bytes, status: int
) -> None:
    answer = exchange(served, request_bytes)

    assert answer.status == status
    assert {"error", "detail"} <= set(answer.body)
    assert b"gunicorn" not in answer.data.lower()


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 50\r\n\r\n{",
        b'Content-Length: 50\r\n\r\n{"chapterId": "c", "watchTime": 5}',
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_ends_too_early_is_no_failure_of_the_service(
    served: Service, signed_in: dict[str, str], body: bytes
) -> None:
    lines = [f"POST {PREFIX}/intro/chapter HTTP/1.1", "Host: x"]
    lines += [f"{name}: {value}" for name, value in signed_in.items()]

    answer = exchange(served, "\r\n".join(lines).encode() + b"\r\n" + body, close=True)

    assert answer.status in {0, 400}
    assert answer.status == 0 or answer.body["error"]
    assert Wire(served).send("GET", f"{PREFIX}/intro", signed_in).body["totalWatchTime"] == 0
