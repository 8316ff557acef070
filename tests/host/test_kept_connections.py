"""A host on gunicorn, without our configuration of it: our answers are true about connections."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from socket import create_connection, socket

import pytest

from embedded.gunicorn import without_settings
from embedded.ports import free_port
from tests.client import SECRET, token
from tests.serving.raw import answered, assert_closed, send
from tests.serving.service import GUNICORN, until

# With a class of its own that Flask makes all responses of.
HOST = """
from flask import Flask, Response
from progress_api import ProgressAPI

app = Flask("host")
app.response_class = type("HostsResponse", (Response,), {})
ProgressAPI(app)
"""
# Middleware that looks at each response as error trackers and tracers do.
IN_PARTIAL = """
from functools import partial

def start(start_response, *given):
    return start_response(*given)

inner = app.wsgi_app
app.wsgi_app = lambda environ, start_response: inner(environ, partial(start, start_response))
"""
IN_CLOSURE = """
def traced(inner):
    def answer(environ, start_response):
        def start(*given):
            return start_response(*given)
        return inner(dict(environ), start)
    return answer

app.wsgi_app = traced(app.wsgi_app)
"""
IN_OBJECT = """
class Timer:
    def __init__(self, start_response):
        self.start_response = start_response
    def start(self, *given):
        return self.start_response(*given)

timed = app.wsgi_app
app.wsgi_app = lambda environ, start_response: timed(environ, Timer(start_response).start)
"""
HOSTS = {
    "plain": HOST,
    "behind middleware": HOST + IN_PARTIAL + IN_CLOSURE + IN_OBJECT,
}


@pytest.fixture(scope="module", params=HOSTS.values(), ids=list(HOSTS))
def port(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_database: str
) -> Iterator[int]:
    """Where a host listens."""
    directory, port = tmp_path_factory.mktemp("host"), free_port()
    (directory / "host.py").write_text(request.param)
    environment = without_settings(os.environ)
    environment |= {"DATABASE_URL": shared_database, "JWT_SECRET_KEY": SECRET}
    command = [str(GUNICORN[0]), "--threads", "2", "-b", f"127.0.0.1:{port}", "host:app"]
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        until(lambda: _listens(port))
        yield port
        process.terminate()


@pytest.fixture
def client(port: int) -> Iterator[socket]:
    """A connection to the host."""
    with create_connection(("127.0.0.1", port), timeout=30) as client:
        yield client


def _listens(port: int) -> bool:
    with suppress(OSError), create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@pytest.mark.parametrize("size", [70_000, 2_000_000])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/intro/chapter", 401), ("POST", "/a/b/c", 404), ("PUT", "/intro", 405)],
)
def test_our_answer_says_that_the_connection_is_closed_after_a_long_body(
    client: socket, method: str, path: str, status: int, size: int
) -> None:
    send(client, method, path, b" " * size, f"Content-Length: {size}")

    assert answered(client) == (status, "close")
    assert_closed(client)


def test_our_answer_to_a_body_that_is_too_large_says_so_too(client: socket) -> None:
    signed = [f"Authorization: Bearer {token('ada')}", "Content-Type: application/json"]
    send(client, "POST", "/intro/chapter", b" " * 70_000, "Content-Length: 70000", *signed)

    assert answered(client) == (413, "close")
    assert_closed(client)
