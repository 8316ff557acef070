"""Faults of PostgreSQL: killed, frozen, unreachable, read-only, full, and failed over."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from psutil import Process

from chaos.client import learner_headers
from chaos.scene import Bar, Row, Scene
from chaos.world import Needs, World

_UNAVAILABLE = frozenset({"503"})
_PROGRESS = "/v1/tutorials/progress/intro"
_MAX_SECONDS = 3.0
# The longest request is limited too: recovery does not count a request that hangs past it.
_BACK = Bar(failures=_UNAVAILABLE, recovery=2, longest=2)


def _kill(scene: Scene) -> None:
    postgres = scene.world.postgres
    for _ in range(scene.row.times):
        with scene.strike():
            postgres.kill()
            scene.settle(1)
            postgres.start()
        _require_first_request(scene)
        scene.settle()


def _last(fault: Callable[[World], AbstractContextManager[None]], scene: Scene) -> None:
    """Check the health while a fault lasts, and that no thread is stuck after it."""
    with scene.strike(), fault(scene.world):
        end = time.monotonic() + scene.row.seconds
        while time.monotonic() < end:
            _require_health(scene)
            scene.settle(0.5)
    scene.settle()
    scene.load.stop()
    _require_free_threads(scene)


def _require_health(scene: Scene) -> None:
    for path, expected in (("/healthz", 200), ("/readyz", 503)):
        began = time.monotonic()
        status = scene.world.service.status(path)
        took = time.monotonic() - began
        scene.require(status == expected, f"{path} returned {status}")
        scene.require(took <= _MAX_SECONDS, f"{path} took over {_MAX_SECONDS:.0f} s")


def _require_free_threads(scene: Scene) -> None:
    """Require that idle workers end at once: a stuck thread would keep its worker running."""
    service, before = scene.world.service, scene.world.service.workers()
    service.signal(signal.SIGHUP)
    scene.wait_for(lambda: not any(map(Process.is_running, before)), "no thread is stuck", 5)
    scene.wait_for(service.is_complete, "two workers serve")


def _require_first_request(scene: Scene) -> None:
    status = scene.world.service.status(_PROGRESS, learner_headers("probe"))
    scene.require(status == 200, f"the first request afterwards returned {status}")


@contextmanager
def _frozen(world: World) -> Iterator[None]:
    world.postgres.pause()
    try:
        yield
    finally:
        world.postgres.resume()


@contextmanager
def _hanging(world: World) -> Iterator[None]:
    assert world.proxy
    with world.proxy.hanging():
        yield


def _lose_responses(scene: Scene) -> None:
    """Lose the responses of committed writes: their repeats must not count."""
    assert scene.world.proxy
    for _ in range(scene.row.times):
        with scene.strike(), scene.world.proxy.losing_responses():
            scene.settle(0.3)
        scene.settle(1)


def _refuse(scene: Scene) -> None:
    with scene.strike():
        scene.world.sql("ALTER ROLE service CONNECTION LIMIT 0")
        _end_connections(scene.world)
        scene.settle(scene.row.seconds)
        scene.world.sql("ALTER ROLE service CONNECTION LIMIT -1")
    _require_first_request(scene)


def _end_connections(world: World) -> None:
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'")


def _make_read_only(scene: Scene) -> None:
    world = scene.world
    with scene.strike():
        world.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        world.sql("SELECT pg_reload_conf()")
        scene.settle(scene.row.seconds)
        world.sql("ALTER SYSTEM RESET default_transaction_read_only")
        world.sql("SELECT pg_reload_conf()")


def _fill_disk(scene: Scene) -> None:
    filler = scene.world.postgres.directory / "filler"
    with scene.strike():
        _fill(filler)
        scene.wait_for(lambda: any(request.kind == "503" for request in scene.load.requests), "503")
        scene.settle(scene.row.seconds)
        filler.unlink()


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))


def _fail_over(scene: Scene) -> None:
    with scene.strike():
        scene.world.fail_over()
    _require_first_request(scene)
    scene.settle()


KILLED = Row(
    name="SIGKILL PostgreSQL, and start again",
    act=_kill,
    times=5,
    bar=_BACK,
)
FROZEN = Row(
    name="PostgreSQL frozen, 20 s",
    act=partial(_last, _frozen),
    seconds=20,
    bar=Bar(failures=_UNAVAILABLE, recovery=2, longest=_MAX_SECONDS),
)
NETWORK_HANGS = Row(
    name="PostgreSQL's network hangs, 20 s",
    act=partial(_last, _hanging),
    seconds=20,
    needs=Needs(proxied=True),
    bar=Bar(failures=_UNAVAILABLE, recovery=2, longest=_MAX_SECONDS),
)
RESPONSES_LOST = Row(
    name="PostgreSQL's responses lost, its connections closed",
    act=_lose_responses,
    times=10,
    needs=Needs(proxied=True),
    bar=_BACK,
)
CONNECTIONS_REFUSED = Row(
    name="PostgreSQL's connection limit reached",
    act=_refuse,
    seconds=3,
    bar=_BACK,
)
READ_ONLY = Row(
    name="PostgreSQL read-only",
    act=_make_read_only,
    seconds=3,
    bar=_BACK,
)
DISK_FULL = Row(
    name="PostgreSQL's disk full",
    act=_fill_disk,
    seconds=3,
    needs=Needs(small_disk=True),
    bar=_BACK,
)
FAILED_OVER = Row(
    name="failover to a standby",
    act=_fail_over,
    needs=Needs(proxied=True, standby=True),
    bar=_BACK,
)
