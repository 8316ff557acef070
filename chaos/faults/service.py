"""Faults of the service: killed processes, roll-outs, a migration, and a clock set back."""

import json
import signal
import time
from datetime import datetime
from functools import partial

import psutil

from chaos.client import NO_ANSWER, PREFIX, learner_headers
from chaos.scene import Bar, Row, Scene
from chaos.syncing import SyncingClient
from chaos.world import Needs
from embedded.processes import is_alive

_HOUR_SECONDS = 3600


def _kill_worker(scene: Scene) -> None:
    service = scene.world.service
    for _ in range(scene.row.times):
        with scene.strike():
            worker = scene.chance.choice(service.workers())
            worker.kill()
        worker.wait()
        scene.wait_for(service.is_complete, "two workers serve")
        scene.settle(0.3)


def _kill_master(scene: Scene) -> None:
    service, starts = scene.world.service, [0.0]
    for _ in range(scene.row.times):
        orphans = service.workers()
        with scene.strike():
            service.master.kill()
            service.process.wait()
            began = time.monotonic()
            service.start()
            starts.append(time.monotonic() - began)
        scene.wait_for(service.is_complete, "two workers serve")
        scene.wait_for(partial(_have_ended, orphans), "no orphan is left")
        scene.settle()
    scene.remark = f": longest start {max(starts):.1f} s"


def _reload(scene: Scene) -> None:
    service = scene.world.service
    for _ in range(scene.row.times):
        with scene.strike():
            before = service.workers()
            service.signal(signal.SIGHUP)
            scene.wait_for(partial(_have_ended, before), "the old workers have ended")
            scene.wait_for(service.is_complete, "two workers serve")
        scene.settle(0.3)


def _restart(scene: Scene) -> None:
    service = scene.world.service
    for _ in range(scene.row.times):
        with scene.strike():
            service.stop()
            service.start()
        scene.wait_for(service.is_complete, "two workers serve")
        scene.settle(0.3)


def _migrate(scene: Scene) -> None:
    """Migrate, and let half of the clients use a new version while the old one runs."""
    with scene.strike():
        later = scene.world.next_version()
        scene.settle()
    with later:
        for client in scene.load.clients[::2]:
            client.connect = later.connect
        scene.settle(scene.row.seconds)
        for client in scene.load.clients[::2]:
            client.connect = scene.world.connect
        scene.settle()


def _step_back(scene: Scene) -> None:
    """Set the clock of all servers back by an hour, and require that they use it."""
    world = scene.world
    assert world.clock
    headers = learner_headers("punctual")
    reset = partial(world.service.status, f"{PREFIX}/intro", headers, method="DELETE")
    statuses = [reset() for _ in range(6)]
    with scene.strike():
        world.clock.set_back(_HOUR_SECONDS)
    scene.require((statuses[-1], reset()) == (429, 200), "a limit's minute takes an hour")
    scene.settle(scene.row.seconds)
    behind = time.time() - float(world.sql("SELECT extract(epoch FROM now())"))
    scene.require(behind > _HOUR_SECONDS - 60, f"PostgreSQL is {behind:.0f} s behind")
    logged = json.loads(world.service.log.read_text().splitlines()[-1])["time"]
    behind = time.time() - datetime.fromisoformat(logged).timestamp()
    scene.require(behind > _HOUR_SECONDS - 60, f"the service is {behind:.0f} s behind")


WORKER_KILLED = Row(
    name="SIGKILL a worker",
    act=_kill_worker,
    times=20,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1, longest=1),
)
BATCH_KILLED = Row(
    name="SIGKILL a worker that records events",
    act=_kill_worker,
    times=5,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1),
    client=SyncingClient,
)
MASTER_KILLED = Row(
    name="SIGKILL gunicorn's master, and start again",
    act=_kill_master,
    times=3,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1),
)
RELOADED = Row(
    name="roll-out by SIGHUP, through nginx",
    act=_reload,
    times=10,
    needs=Needs(nginx=True),
    bar=Bar(),
)
RESTARTED = Row(
    name="roll-out by SIGTERM and a start, through nginx",
    act=_restart,
    times=6,
    needs=Needs(nginx=True),
    bar=Bar(),
)
MIGRATED = Row(
    name="a migration adds a column; old and new version side by side",
    act=_migrate,
    seconds=3,
    bar=Bar(),
)
CLOCK_BACK = Row(
    name="the servers' clock steps back an hour",
    act=_step_back,
    seconds=4,
    needs=Needs(clock=True),
    bar=Bar(),
)


def _have_ended(processes: list[psutil.Process]) -> bool:
    return not any(map(is_alive, processes))
