"""Faults of Valkey: the service continues, and each process counts for itself meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count

from valkey import Valkey as Client

from chaos.client import learner_headers
from chaos.scene import Bar, Row, Scene
from chaos.world import World

_ALLOWED = 5
_REQUESTS = 24
_SLOWDOWN_SECONDS = 0.3
_EXACT_SECONDS = 35
_ON_FALLBACK = "progress_limiter_on_fallback"
_new_learners = count()


def _last(fault: Callable[[World], AbstractContextManager[None]], scene: Scene) -> None:
    """Require that each of two processes keeps the limits for itself while a fault lasts."""
    before = max(request.took for request in scene.load.requests)
    began = time.monotonic()
    with scene.strike(), fault(scene.world):
        scene.settle(1)
        allowed = _allowed_resets(scene)
        scene.require(_ALLOWED < allowed <= 2 * _ALLOWED, f"{allowed} resets were allowed")
        scene.settle(scene.row.seconds)
    _await_exact(scene)
    slowest = max(
        request.took for request in scene.load.requests if request.at + request.took > began
    )
    latency = f"longest {slowest:.2f} s, {before:.2f} s before"
    scene.remark = f": {latency}; {allowed} resets allowed, not {_ALLOWED}"
    scene.require(slowest <= before + _SLOWDOWN_SECONDS, f"requests are slowed{scene.remark}")


def _flush(scene: Scene) -> None:
    for _ in range(scene.row.times):
        with scene.strike():
            _command(scene.world, "FLUSHALL")
        _await_exact(scene)
        scene.settle()


def _await_exact(scene: Scene) -> None:
    seconds = scene.wait_for(lambda: _is_exact(scene), "limits are exact", _EXACT_SECONDS)
    scene.recovery = max(scene.recovery, seconds)


def _is_exact(scene: Scene) -> bool:
    on_fallback = scene.world.service.metric(_ON_FALLBACK)
    return on_fallback == 0 and _allowed_resets(scene) == _ALLOWED


def _allowed_resets(scene: Scene) -> int:
    """Return how many resets a new learner is allowed, over all workers."""
    path, headers = "/v1/tutorials/progress/intro", learner_headers(f"new-{next(_new_learners)}")
    service = scene.world.service
    statuses = [service.status(path, headers, method="DELETE") for _ in range(_REQUESTS)]
    scene.require(set(statuses) <= {200, 429}, f"resets returned {set(statuses)}")
    return statuses.count(200)


@contextmanager
def _killed(world: World) -> Iterator[None]:
    world.valkey.kill()
    try:
        yield
    finally:
        world.valkey.start()


@contextmanager
def _frozen(world: World) -> Iterator[None]:
    world.valkey.pause()
    try:
        yield
    finally:
        world.valkey.resume()


@contextmanager
def _full(world: World) -> Iterator[None]:
    _command(world, "CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        _command(world, "CONFIG", "SET", "maxmemory", "0")


def _command(world: World, *words: str) -> None:
    with Client(unix_socket_path=str(world.valkey.sockets / "valkey.sock")) as client:
        client.execute_command(*words)


_LASTING = {"killed": _killed, "frozen": _frozen, "full": _full}
FLUSHED = Row(name="Valkey flushed", act=_flush, times=3, bar=Bar(recovery=_EXACT_SECONDS))
ROWS = [
    Row(
        name=f"Valkey {name}",
        act=partial(_last, fault),
        seconds=6,
        bar=Bar(recovery=_EXACT_SECONDS),
    )
    for name, fault in _LASTING.items()
] + [FLUSHED]
