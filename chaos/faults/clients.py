"""Faults of other clients: disconnects, slow requests, and unused connections."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from statistics import median

from chaos.client import NO_ANSWER, PREFIX
from chaos.scene import Bar, Row, Scene
from chaos.syncing import SyncingClient
from chaos.world import Needs
from chaos.world.nginx import Nginx

_SLOWER = 3
_INTERVAL_SECONDS = 2
_SLOW_CLIENTS, _OPEN_CONNECTIONS = 50, 500
_HEAD = f"POST {PREFIX}/intro/chapter HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n".encode()

Behaviour = Callable[[Nginx, float], None]


def _disturb(behave: Behaviour, scene: Scene) -> None:
    """Compare the latency while some clients misbehave with the latency before."""
    assert scene.world.nginx
    began = time.monotonic()
    scene.settle(scene.row.seconds)
    normal = _p99(scene, began)
    with scene.strike():
        began = time.monotonic()
        behave(scene.world.nginx, began + scene.row.seconds)
        disturbed = _p99(scene, began)
    scene.remark = f": p99 {disturbed * 1000:.0f} ms, {normal * 1000:.0f} ms before"
    scene.require(disturbed <= _SLOWER * normal, f"other clients are slowed{scene.remark}")


def _p99(scene: Scene, since: float) -> float:
    """Return the median of the p99 over short intervals, so that one hiccup does not count."""
    intervals: dict[int, list[float]] = {}
    for request in scene.load.requests:
        if request.at >= since:
            intervals.setdefault(int((request.at - since) / _INTERVAL_SECONDS), []).append(
                request.took
            )
    return median(sorted(took)[int(len(took) * 0.99)] for took in intervals.values())


def _disconnect(nginx: Nginx, until: float) -> None:
    while time.monotonic() < until:
        with closing(nginx.connect()) as connection:
            connection.connect()
            connection.sock.sendall(_HEAD + b"\r\n" + b"x" * 500)
        time.sleep(0.02)


def _send_slowly(nginx: Nginx, until: float) -> None:
    """Send one byte per second: half of the clients in the head, half in the body."""
    with ExitStack() as opened:
        slow = []
        for number in range(_SLOW_CLIENTS):
            connection = opened.enter_context(closing(nginx.connect()))
            connection.connect()
            connection.sock.sendall(_HEAD + (b"\r\n" if number % 2 else b"X-Slow: "))
            slow.append(connection.sock)
        while time.monotonic() < until:
            for client in slow:
                with suppress(OSError):  # nginx closes connections that are slow for too long
                    client.sendall(b"x")
            time.sleep(1)


def _open_connections(nginx: Nginx, until: float) -> None:
    with ExitStack() as opened:
        for _ in range(_OPEN_CONNECTIONS):
            opened.enter_context(closing(nginx.connect())).connect()
            time.sleep(0.002)
        time.sleep(max(1, until - time.monotonic()))


def _lose_responses(scene: Scene) -> None:
    """Let all clients go away once they have sent their events, and send them again."""
    with scene.strike():
        for client in scene.load.clients:
            client.is_deaf = True
        scene.settle(scene.row.seconds)
        for client in scene.load.clients:
            client.is_deaf = False


def _sync_at_once(scene: Scene) -> None:
    """Let the two devices of each learner send their events at the same moment."""
    pairs = [threading.Barrier(2) for _ in scene.load.clients[::2]]
    with scene.strike():
        for client in scene.load.clients:
            client.together = pairs[client.number // 2]
        scene.settle(scene.row.seconds)
        for client in scene.load.clients:
            client.together = None


_BEHAVIOURS: dict[str, Behaviour] = {
    "clients disconnect in the middle of a request": _disconnect,
    f"{_SLOW_CLIENTS} clients send a byte a second": _send_slowly,
    f"a client opens {_OPEN_CONNECTIONS} connections": _open_connections,
}
RESPONSES_LOST = Row(
    name="clients send events, lose the response, and send them again",
    act=_lose_responses,
    seconds=5,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1),
    client=SyncingClient,
)
TWO_DEVICES = Row(
    name="two devices of a learner send events at once",
    act=_sync_at_once,
    seconds=5,
    bar=Bar(),
    client=SyncingClient,
)
ROWS = [
    Row(
        name=f"{name}, through nginx",
        act=partial(_disturb, behave),
        seconds=10,
        needs=Needs(nginx=True),
        bar=Bar(),
    )
    for name, behave in _BEHAVIOURS.items()
]
