"""What happens to the service itself: its processes are killed, and replaced in good order."""

from functools import partial

import psutil

from chaos.client import NO_ANSWER
from chaos.scene import Bar, Row, Scene


def _kill_worker(scene: Scene) -> None:
    service = scene.world.service
    for _ in range(scene.row.times):
        with scene.strike():
            worker = scene.chance.choice(service.workers())
            worker.kill()
        worker.wait()
        scene.until(service.is_whole, "two workers serve")
        scene.settle(0.3)


def _kill_master(scene: Scene) -> None:
    service = scene.world.service
    for _ in range(scene.row.times):
        orphans = service.workers()
        with scene.strike():
            service.master.kill()
            service.reap()
            service.start()
        scene.until(service.is_whole, "two workers serve")
        scene.until(partial(_none_runs, orphans), "no orphan is left")
        scene.settle()


WORKER_KILLED = Row(
    name="SIGKILL a worker",
    act=_kill_worker,
    times=20,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1),
)
MASTER_KILLED = Row(
    name="SIGKILL gunicorn's master, and start again",
    act=_kill_master,
    times=3,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1),
)


def _none_runs(processes: list[psutil.Process]) -> bool:
    # Where process 1 reaps nothing, an orphan that has ended stays a zombie.
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)
