"""What other clients do: they leave, dawdle, and open more connections than they use."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from statistics import median

from chaos.client import PREFIX
from chaos.scene import Bar, Row, Scene
from chaos.world import Needs
from chaos.world.nginx import Nginx

_SLOWER = 3
_MOMENT_SECONDS = 2
_SLOW_CLIENTS, _OPEN_CONNECTIONS = 50, 500
_HEAD = f"POST {PREFIX}/intro/chapter HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n".encode()

Behaviour = Callable[[Nginx, float], None]


def _disturb(behave: Behaviour, scene: Scene) -> None:
    """Let clients behave so, and compare what the others wait with what they waited before."""
    assert scene.world.nginx
    began = time.monotonic()
    scene.settle(scene.row.seconds)
    normal = _p99(scene, began)
    with scene.strike():
        began = time.monotonic()
        behave(scene.world.nginx, began + scene.row.seconds)
        disturbed = _p99(scene, began)
    scene.seen = f": p99 {disturbed * 1000:.0f} ms, {normal * 1000:.0f} ms before"
    scene.require(disturbed <= _SLOWER * normal, f"the others wait{scene.seen}")


def _p99(scene: Scene, since: float) -> float:
    """The p99 of a usual moment since then: a hiccup of the machine is nobody's fault."""
    moments: dict[int, list[float]] = {}
    for sent in scene.load.sent:
        if sent.at >= since:
            moments.setdefault(int((sent.at - since) / _MOMENT_SECONDS), []).append(sent.took)
    return median(sorted(took)[int(len(took) * 0.99)] for took in moments.values())


def _leave(nginx: Nginx, until: float) -> None:
    while time.monotonic() < until:
        with closing(nginx.connect()) as connection:
            connection.connect()
            connection.sock.sendall(_HEAD + b"\r\n" + b"x" * 500)
        time.sleep(0.02)


def _dawdle(nginx: Nginx, until: float) -> None:
    """Send a byte a second: one half of the clients of the head, the other half of the body."""
    with ExitStack() as opened:
        slow = []
        for number in range(_SLOW_CLIENTS):
            connection = opened.enter_context(closing(nginx.connect()))
            connection.connect()
            connection.sock.sendall(_HEAD + (b"\r\n" if number % 2 else b"X-Slow: "))
            slow.append(connection.sock)
        while time.monotonic() < until:
            for one in slow:
                with suppress(OSError):  # nginx hangs up on one that is slow for too long
                    one.sendall(b"x")
            time.sleep(1)


def _open(nginx: Nginx, until: float) -> None:
    with ExitStack() as opened:
        for _ in range(_OPEN_CONNECTIONS):
            opened.enter_context(closing(nginx.connect())).connect()
            time.sleep(0.002)
        time.sleep(max(1, until - time.monotonic()))


_BEHAVIOURS: dict[str, Behaviour] = {
    "clients go away in the middle of a request": _leave,
    f"{_SLOW_CLIENTS} clients send a byte a second": _dawdle,
    f"a client opens {_OPEN_CONNECTIONS} connections": _open,
}
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
