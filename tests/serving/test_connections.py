"""Connections that are kept: they take no place from others, and one worker does not keep them."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from select import select

import pytest

from tests.serving.service import Service, until

SHARE = 8  # of a worker: two connections for each of its threads
MANY = 24  # of so many each worker has enough
GREEDY = 40
SECONDS = 5


@pytest.fixture
def busy(served: Service) -> Iterator[Service]:
    """A service that is asked over many connections at once, on each again and again."""
    with ExitStack() as opened:
        greedy = [opened.enter_context(_greedy(served)) for _ in range(GREEDY)]
        until(lambda: len(select(greedy, [], [], 0)[0]) >= GREEDY * 3 // 4)
        yield served


def test_who_comes_later_is_served_while_others_keep_their_connections_busy(busy: Service) -> None:
    with closing(_connection(busy)) as latecomer:
        _ask(latecomer)


@pytest.mark.parametrize(("connections", "some_are_let_go"), [(SHARE, False), (SHARE + 1, True)])
def test_a_worker_lets_go_of_connections_where_it_has_more_than_its_share_of_few(
    browsed: Service, connections: int, *, some_are_let_go: bool
) -> None:
    with _kept(browsed, connections) as kept:
        assert ("close" in _connection_headers(kept)) == some_are_let_go


def test_a_worker_keeps_its_connections_where_there_are_many(browsed: Service) -> None:
    with _kept(browsed, MANY) as kept:
        until(lambda: "close" not in _connection_headers(kept))  # while they came there were few


def test_clients_that_do_not_close_after_their_last_response_delay_nobody(
    browsed: Service,
) -> None:
    began = time.monotonic()
    with ExitStack() as opened:
        for _ in range(3):
            silent = opened.enter_context(socket.create_connection(("127.0.0.1", browsed.port)))
            silent.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while silent.recv(1000):
                pass
        _ask(opened.enter_context(closing(_connection(browsed))))

    assert time.monotonic() - began < 1  # the worker waits for longer until they close


@contextmanager
def _kept(service: Service, connections: int) -> Iterator[list[HTTPConnection]]:
    with ExitStack() as opened:
        yield [opened.enter_context(closing(_connection(service))) for _ in range(connections)]


def _connection_headers(kept: list[HTTPConnection]) -> set[str | None]:
    """The `Connection` headers of the responses, one request on each connection in turn."""
    return {_ask(connection) for _ in range(5) for connection in kept}


def _greedy(service: Service) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", service.port))
    opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: service\r\n\r\n" * 2000)
    return opened


def _connection(service: Service) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", service.port, timeout=SECONDS)


def _ask(connection: HTTPConnection) -> str | None:
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
    return answer.headers["Connection"]
