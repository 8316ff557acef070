"""What only a real server shows: bodies in chunks, strange paths, connections kept."""

import json
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from socket import create_connection
from urllib.parse import quote

import pytest

from tests.client import PREFIX, token
from tests.serving.service import Service, Wire, received

LIMIT = 65536


@pytest.fixture
def connection(served: Service) -> Iterator[HTTPConnection]:
    """One connection for several requests."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("length", "status"), [(100, 200), (LIMIT, 200), (LIMIT + 1, 413), (500_000, 413)]
)
@pytest.mark.parametrize("in_chunks", [True, False])
def test_a_body_may_have_64_kib_in_chunks_or_not(
    connection: HTTPConnection,
    signed_in: dict[str, str],
    length: int,
    status: int,
    *,
    in_chunks: bool,
) -> None:
    body = b'{"chapterId": "c", "watchTime": 1}'.ljust(length)
    chunks = (body[n : n + 5000] for n in range(0, length, 5000))

    # The server closes the connection of a client that sends so much more.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(
            "POST",
            f"{PREFIX}/intro/chapter",
            body=chunks if in_chunks else body,
            headers=signed_in,
            encode_chunked=in_chunks,
        )
    answer = received(connection, "POST", f"{PREFIX}/intro/chapter")

    assert answer.status == status
    assert (answer.body.get("error") is None) == (status == 200)


def test_a_body_in_chunks_is_read_whole(
    connection: HTTPConnection, signed_in: dict[str, str]
) -> None:
    chunks = iter([b'{"chapterId"', b': "c", "watch', b'Time": 7}'])

    path = f"{PREFIX}/intro/chapter"
    connection.request("POST", path, chunks, signed_in, encode_chunked=True)

    assert received(connection, "POST", path).body["totalWatchTime"] == 7


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a%2Fb", "a/b"),
        ("a%2fb%2F", "a/b/"),
        ("%2F", "/"),
        ("a%252Fb", "a%2Fb"),
        ("a%2Fb%252F", "a/b%2F"),
        ("..%2F..%2Fetc", "../../etc"),
        ("100%25", "100%"),
        ("a%20b+c", "a b+c"),
        ("caf%C3%A9%2F%F0%9F%9A%80", "café/🚀"),
        ("a%3Fb%23c", "a?b#c"),
        ("%5B%5D;=@:", "[];=@:"),
    ],
)
def test_a_tutorial_id_is_what_its_segment_says(
    served: Service, signed_in: dict[str, str], sent: str, meant: str
) -> None:
    body = json.dumps({"chapterId": "c", "watchTime": 5}).encode()

    posted = Wire(served).send("POST", f"{PREFIX}/{sent}/chapter", signed_in, body)
    read = Wire(served).send("GET", f"{PREFIX}/{sent}", signed_in)

    assert posted.status == 200
    assert posted.body["tutorialId"] == read.body["tutorialId"] == meant
    assert read.body["totalWatchTime"] == 5


@pytest.mark.parametrize(
    "path", [f"{PREFIX}//intro", f"{PREFIX}/", f"{PREFIX}/intro/", f"{PREFIX}/a/b"]
)
def test_a_path_that_is_no_endpoint_is_404_and_no_redirection(
    served: Service, signed_in: dict[str, str], path: str
) -> None:
    assert Wire(served).send("GET", path, signed_in).status == 404


def test_ids_of_255_emoji_fit_into_the_request_line(served: Service) -> None:
    tutorial, user = "🚀" * 255, "🎓" * 255
    admin = served.learner(
        tutorial=tutorial,
        headers={"Authorization": f"Bearer {token('admin', scope='progress:admin')}"},
    )

    posted = admin.watch("🧩" * 255, seconds=9, userId=user)
    read = admin.get(f"?userId={quote(user)}")

    assert (posted.status, read.status) == (200, 200)
    assert read.body == posted.body
    assert (read.body["tutorialId"], read.body["userId"]) == (tutorial, user)


def test_a_connection_is_kept_for_the_next_request_also_after_an_error(
    connection: HTTPConnection, signed_in: dict[str, str]
) -> None:
    statuses = []
    connection.connect()
    first = connection.sock

    for method, path in [("GET", "/a"), ("POST", "/a/chapter"), ("PUT", "/a"), ("GET", "/")]:
        connection.request(method, PREFIX + path, headers=signed_in)
        statuses.append(received(connection, method, PREFIX + path).status)

    assert statuses == [200, 400, 405, 404]
    assert connection.sock is first


def test_head_answers_as_get_does_without_the_body(
    connection: HTTPConnection, signed_in: dict[str, str]
) -> None:
    answers = []

    for method in ("GET", "HEAD"):
        connection.request(method, f"{PREFIX}/intro", headers=signed_in)
        answer = received(connection, method, f"{PREFIX}/intro")
        kind, length = answer.headers["Content-Type"], answer.headers["Content-Length"]
        answers.append((answer.status, kind, length))

    assert answers[0] == answers[1]
    assert answer.body is None


def test_a_client_that_expects_100_continue_gets_it(
    served: Service, signed_in: dict[str, str]
) -> None:
    body = b'{"chapterId": "c", "watchTime": 3}'
    head = [f"{name}: {value}" for name, value in signed_in.items()]
    head += ["Host: x", "Expect: 100-continue", f"Content-Length: {len(body)}", "", ""]
    request = "\r\n".join([f"POST {PREFIX}/intro/chapter HTTP/1.1", *head]).encode()

    with create_connection(("127.0.0.1", served.port), timeout=30) as client:
        client.sendall(request)
        interim = client.recv(100)
        client.sendall(body)
        with HTTPResponse(client) as response:
            response.begin()
            status = response.status

    assert interim.startswith(b"HTTP/1.1 100 ")
    assert status == 200
