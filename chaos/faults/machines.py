"""Faults of three services behind nginx that share one PostgreSQL and one Valkey."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle

from chaos.client import NO_ANSWER
from chaos.limits import LimitProbe
from chaos.scene import Bar, Row, Scene
from chaos.syncing import EagerClient
from chaos.world import Needs, Service

_KILL_SECONDS = 5.0
_EXACT_SECONDS = 35
_UNAVAILABLE = frozenset({"503"})
_ON_FALLBACK = "progress_limiter_on_fallback"


def _kill_in_turn(scene: Scene) -> None:
    """Kill one service after the other; the killed one starts while the next one serves."""
    services = scene.world.services
    with _limits(scene):
        for victim, following in zip(cycle(services), cycle(services[1:] + services[:1])):
            following.wait_until_ready()
            began = time.monotonic()
            with scene.strike():
                victim.kill()
            victim.launch()
            if not _continue(scene, began + _KILL_SECONDS):
                break
        for service in services:
            service.wait_until_ready()


def _update_in_turn(scene: Scene) -> None:
    """Replace one service after the other, again and again."""
    with _limits(scene):
        for service in cycle(scene.world.services):
            with scene.strike():
                service.stop()
                service.start()
                scene.wait_for(service.is_complete, "two workers serve")
            if not _continue(scene, time.monotonic()):
                break


def _restart_valkey(scene: Scene) -> None:
    """Restart Valkey, and require that the limits of all services together are exact again."""
    began, world = _now(scene), scene.world
    with scene.strike():
        world.valkey.stop()
        scene.settle(1)
        world.valkey.start()
    probe = LimitProbe(world.connect)
    is_exact = partial(_is_exact, probe, world.services)
    scene.recovery = scene.wait_for(is_exact, "limits are exact", _EXACT_SECONDS)
    _continue(scene, math.inf)
    scene.remark = _rate(scene, began)


def _fail_over(scene: Scene) -> None:
    """Kill PostgreSQL after half of the requests, and promote its standby."""
    with _limits(scene):
        while scene.load.count < scene.requests / 2:
            scene.settle(0.1)
        with scene.strike():
            scene.world.fail_over()
        _continue(scene, math.inf)


@contextmanager
def _limits(scene: Scene) -> Iterator[None]:
    """Require exact limits during the `with`."""
    began = _now(scene)
    with LimitProbe(scene.world.connect) as probe:
        yield
        scene.wait_for(lambda: probe.exact > probe.interrupted, "most limits are exact")
    scene.misses += probe.wrong[:5]
    limits = f"{probe.exact} limits exact, {probe.interrupted} interrupted"
    scene.remark = f"{_rate(scene, began)}; {limits}"


def _is_exact(probe: LimitProbe, services: list[Service]) -> bool:
    return probe.ask() and all(service.metric(_ON_FALLBACK) == 0 for service in services)


def _continue(scene: Scene, until: float) -> bool:
    """Wait until a time, or until all requests are sent; return whether any are left."""
    while scene.load.count < scene.requests and time.monotonic() < until:
        scene.settle(0.1)
    return scene.load.count < scene.requests


def _now(scene: Scene) -> tuple[float, int]:
    return time.monotonic(), scene.load.count


def _rate(scene: Scene, began: tuple[float, int]) -> str:
    ended = _now(scene)
    rate = (ended[1] - began[1]) / (ended[0] - began[0])
    return f": {ended[1]:,} requests, {rate:.0f} a second"


_THREE = Needs(nginx=True, services=3)
_REPLICATED = Needs(nginx=True, services=3, standby=True)
KILLED = Row(
    name="three services, one is killed every 5 s",
    act=_kill_in_turn,
    needs=_THREE,
    part=1,
    # A killed service may have sent a part of its response.
    bar=Bar(failures=_UNAVAILABLE | {NO_ANSWER}, recovery=1),
    client=EagerClient,
)
UPDATED = Row(
    name="three services are replaced one after the other",
    act=_update_in_turn,
    needs=_REPLICATED,
    part=1 / 3,
    bar=Bar(),
    client=EagerClient,
)
VALKEY_RESTARTED = Row(
    name="three services, Valkey restarts",
    act=_restart_valkey,
    needs=_REPLICATED,
    part=1 / 3,
    bar=Bar(recovery=_EXACT_SECONDS, longest=3),
    client=EagerClient,
)
FAILED_OVER = Row(
    name="three services, failover to a standby that DATABASE_URL names",
    act=_fail_over,
    needs=_REPLICATED,
    part=1 / 3,
    bar=Bar(failures=_UNAVAILABLE, recovery=2, longest=3),
    client=EagerClient,
)
# The killed PostgreSQL does not come back, so its row is the last.
ROWS = [KILLED, UPDATED, VALKEY_RESTARTED, FAILED_OVER]
