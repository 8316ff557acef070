"""What happens to PostgreSQL: it is killed, frozen, out of reach, full, and replaced."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from psutil import Process

from chaos.client import signed_in
from chaos.scene import Bar, Row, Scene
from chaos.world import Needs, World

_UNAVAILABLE = frozenset({"503"})
_PROGRESS = "/v1/tutorials/progress/intro"
_LONGEST_SECONDS = 3.0
# Also the longest request: one that hangs when it is back already is not served within 2 s of it.
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
    """Let a fault last, and ask meanwhile whether the process answers."""
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
        status, took = scene.world.service.ask("GET", path)
        scene.require(status == expected, f"{path} answered {status}")
        scene.require(took <= _LONGEST_SECONDS, f"{path} took over {_LONGEST_SECONDS:.0f} s")


def _require_free_threads(scene: Scene) -> None:
    """See that each worker ends at once when nobody asks: a stuck thread would keep its own."""
    service, before = scene.world.service, scene.world.service.workers()
    service.signal(signal.SIGHUP)
    scene.until(lambda: not any(map(Process.is_running, before)), "no thread is stuck", seconds=5)
    scene.until(service.is_whole, "two workers serve")


def _require_first_request(scene: Scene) -> None:
    status, _ = scene.world.service.ask("GET", _PROGRESS, signed_in("probe"))
    scene.require(status == 200, f"the first request afterwards was answered {status}")


@contextmanager
def _frozen(world: World) -> Iterator[None]:
    world.postgres.pause()
    try:
        yield
    finally:
        world.postgres.resume()


@contextmanager
def _silent(world: World) -> Iterator[None]:
    assert world.proxy
    with world.proxy.silent():
        yield


def _lose_answers(scene: Scene) -> None:
    """Have writes committed that nobody is told of: each repeat of them must count for nothing."""
    assert scene.world.proxy
    for _ in range(scene.row.times):
        with scene.strike(), scene.world.proxy.unheard():
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
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'"
    world.sql(ended)


def _only_read(scene: Scene) -> None:
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
        scene.until(lambda: any(sent.kind == "503" for sent in scene.load.sent), "503")
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
    bar=Bar(failures=_UNAVAILABLE, recovery=2, longest=_LONGEST_SECONDS),
)
SILENT = Row(
    name="PostgreSQL's network silent, 20 s",
    act=partial(_last, _silent),
    seconds=20,
    needs=Needs(proxied=True),
    bar=Bar(failures=_UNAVAILABLE, recovery=2, longest=_LONGEST_SECONDS),
)
UNHEARD = Row(
    name="PostgreSQL's answers lost, its connections cut",
    act=_lose_answers,
    times=10,
    needs=Needs(proxied=True),
    bar=_BACK,
)
REFUSES = Row(
    name="PostgreSQL's limit of connections reached",
    act=_refuse,
    seconds=3,
    bar=_BACK,
)
ONLY_READS = Row(
    name="PostgreSQL only reads",
    act=_only_read,
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
