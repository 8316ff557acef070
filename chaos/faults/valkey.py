"""What happens to Valkey: the service goes on, and each process counts alone meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count

from valkey import Valkey as Client

from chaos.client import signed_in
from chaos.scene import Bar, Row, Scene
from chaos.world import World

_ALLOWED = 5
_ASKED = 24
_SLOWED_SECONDS = 0.3
_EXACT_SECONDS = 35
_ON_FALLBACK = "progress_limiter_on_fallback"
_strangers = count()


def _last(fault: Callable[[World], AbstractContextManager[None]], scene: Scene) -> None:
    """Let a fault last; the limits are those of each of two processes until it is over."""
    calm = max(sent.took for sent in scene.load.sent)
    began = time.monotonic()
    with scene.strike(), fault(scene.world):
        scene.settle(1)
        allowed = _allowed_resets(scene)
        scene.require(_ALLOWED < allowed <= 2 * _ALLOWED, f"{allowed} resets were allowed")
        scene.settle(scene.row.seconds)
    _await_exact(scene)
    slowest = max(sent.took for sent in scene.load.sent if sent.at + sent.took > began)
    scene.seen = (
        f": {slowest:.2f} s the longest, {calm:.2f} s before; {allowed} of {_ALLOWED} allowed"
    )
    scene.require(slowest <= calm + _SLOWED_SECONDS, f"requests are slowed{scene.seen}")


def _flush(scene: Scene) -> None:
    for _ in range(scene.row.times):
        with scene.strike():
            _command(scene.world, "FLUSHALL")
        _await_exact(scene)
        scene.settle()


def _await_exact(scene: Scene) -> None:
    seconds = scene.until(lambda: _is_exact(scene), "limits are exact", _EXACT_SECONDS)
    scene.back = max(scene.back, seconds)


def _is_exact(scene: Scene) -> bool:
    alone = scene.world.service.measured(_ON_FALLBACK)
    return alone == 0 and _allowed_resets(scene) == _ALLOWED


def _allowed_resets(scene: Scene) -> int:
    """How many resets a new learner is allowed, by whichever worker takes each."""
    path, headers = "/v1/tutorials/progress/intro", signed_in(f"stranger-{next(_strangers)}")
    answers = [scene.world.service.ask("DELETE", path, headers)[0] for _ in range(_ASKED)]
    scene.require(set(answers) <= {200, 429}, f"resets were answered {set(answers)}")
    return answers.count(200)


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
