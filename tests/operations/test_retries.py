"""What nginx does with a request to which one of several services does not respond."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.ports import free_port
from tests.operations.test_deploy import Proxied, adapted, certify, connects, nginx
from tests.serving.service import Serve, until

CHAPTER = b'{"chapterId": "one", "watchTime": 9}'


@pytest.fixture
def first() -> int:
    """The port of the service that nginx tries first."""
    return free_port()


@pytest.fixture
def proxied(serve: Serve, root: Path, tmp_path: Path, first: int) -> Iterator[Proxied]:
    """A service that nginx uses if the first one does not respond."""
    service = serve(TRUSTED_PROXIES=1, REQUIRE_HTTPS="true")
    plain, tls = free_port(), free_port()
    changes = {"listen 80": f"listen {plain}", "listen 443": f"listen {tls}"}
    both = f"server 127.0.0.1:{first} max_fails=0; server 127.0.0.1:{service.port} backup;"
    changes["server 127.0.0.1:8000;"] = both
    configuration = adapted(root / "deploy/nginx.conf", tmp_path, changes)
    certify(tmp_path)
    with nginx(configuration):
        until(lambda: connects(plain))
        yield Proxied(service, plain, tls, tmp_path / "tls/fullchain.pem")


def test_each_request_that_one_service_refuses_is_sent_to_another_one(proxied: Proxied) -> None:
    written = proxied.ask("/intro/chapter", CHAPTER)
    read = proxied.ask("/intro", method="GET")

    assert (written.status_code, read.status_code) == (200, 200)


def test_of_requests_that_one_service_drops_posts_are_left_to_their_clients(
    proxied: Proxied, first: int
) -> None:
    with _dropping(first):
        written = proxied.ask("/intro/chapter", CHAPTER)
        read = proxied.ask("/intro", method="GET")

    assert (written.status_code, written.headers["Retry-After"]) == (503, "1")
    assert (read.status_code, read.json()["chapterProgress"]) == (200, [])


@contextmanager
def _dropping(port: int) -> Iterator[None]:
    """While something reads what is sent to a port and closes, as a service that is killed."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=_drop, args=[listener], daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def _drop(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65_536)
