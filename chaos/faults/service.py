"""What happens to the service itself: its processes are killed, and replaced in good order."""

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


WORKER_KILLED = Row(
    name="SIGKILL a worker",
    act=_kill_worker,
    times=20,
    bar=Bar(failures=frozenset({NO_ANSWER}), recovery=1),
)
