"""Counting never stops the service, whatever becomes of the files that workers count in."""

import resource
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

from embedded.local import ROOT
from tests.serving.service import GUNICORN, Service, Wire, until

WITHOUT = "progress_workers_without_counters"
ROOM = 1 << 17
Prepare = Callable[..., Service]


def written(key: bytes) -> bytes:
    """A file as prometheus_client writes it, with one number of this name."""
    padded = key + b" " * (8 - (len(key) + 4) % 8)
    number = struct.pack(f"i{len(padded)}sdd", len(key), padded, 1.0, 0.0)
    return struct.pack("ii", 8 + len(number), 0) + number


SOUND = written(b'["a", "a_total", {}, "help"]')
DAMAGED = {
    "counter_1.db": b"\1",
    "counter_2.db": b"SQLite format 3\0" * 1000,
    "counter_3.db": struct.pack("i", 2**30) + SOUND[4:],
    "counter_4.db": SOUND[:-1],
    "counter_5.db": written(b"\xff"),
    "counter_6.db": written(b"no JSON"),
    "counter_7.db": written(b"7"),
    "counter_8.db": written(b'["a", "a", 7, "help"]'),
    "gauge.db": SOUND,
    "other_1.db": SOUND,
}


@pytest.fixture
def counters(tmp_path: Path) -> Path:
    """A directory that is not there yet."""
    return tmp_path / "above" / "counters"


@pytest.fixture
def prepare(tmp_path: Path, shared_database: str, counters: Path) -> Prepare:
    """Prepare a service that counts there."""
    return partial(
        Service, tmp_path, DATABASE_URL=shared_database, PROMETHEUS_MULTIPROC_DIR=counters
    )


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, shared_database: str) -> Iterator[Service]:
    """A service that several tests use, in its own directory for temporary files."""
    with Service(tmp_path_factory.mktemp("lasting"), DATABASE_URL=shared_database) as service:
        yield service


def files_of(service: Service) -> Path:
    """Where a service counts that was given no directory."""
    (directory,) = service.temporary.glob("progress-api-metrics-*")
    return directory


def assert_serves(service: Service) -> None:
    """Learners are answered."""
    learner = service.learner()
    assert learner.watch().status == 200
    assert learner.get().status == 200


def allow(process: psutil.Process, length: int) -> None:
    """Refuse a process longer files from now on, as a full disk does."""
    most = process.rlimit(psutil.RLIMIT_FSIZE)[1]
    process.rlimit(psutil.RLIMIT_FSIZE, (length, most))


def replace_workers(service: Service) -> None:
    """Have both workers replaced."""
    before = service.workers()
    service.signal(signal.SIGHUP)
    until(lambda: not set(before) & set(service.workers()))
    until(lambda: len(service.workers()) == 2)


def has_all_workers(service: Service) -> bool:
    """Whether the metrics are those of all workers."""
    return service.measured()[WITHOUT] == 0


def warnings(service: Service) -> list[str]:
    """What was logged about counters, in order."""
    lines = [line for line in service.lines() if line["level"] == "WARNING"]
    return [line["message"] for line in lines if "counters" in line["message"]]


def test_a_removed_directory_is_made_again_by_the_next_worker(
    prepare: Prepare, counters: Path
) -> None:
    with prepare() as service:
        shutil.rmtree(counters)
        assert service.measured()[WITHOUT] == 2
        service.workers()[0].kill()
        until(counters.is_dir)
        assert_serves(service)
        shutil.rmtree(counters)
        service.signal(signal.SIGTTIN)
        until(lambda: len(service.workers()) == 3)
        until(counters.is_dir)
        assert_serves(service)
        shutil.rmtree(counters)
        replace_workers(service)
        assert_serves(service)
        until(lambda: has_all_workers(service))
        assert service.counted()


def test_without_a_port_for_metrics_a_removed_directory_is_made_again_too(
    prepare: Prepare, counters: Path
) -> None:
    def public_metrics() -> str:
        answer = requests.get(f"http://127.0.0.1:{service.port}/metrics", timeout=10)
        assert answer.status_code == 200
        return answer.text

    with prepare(METRICS_PORT=0, METRICS_PUBLIC="true") as service:
        assert f"\n{WITHOUT} 0.0\n" in public_metrics()
        shutil.rmtree(counters)
        assert f"\n{WITHOUT} 1.0\n" in public_metrics()  # the worker that answers
        replace_workers(service)
        assert_serves(service)
        until(lambda: f"\n{WITHOUT} 0.0\n" in public_metrics())


def test_a_worker_starts_without_the_directory_for_temporary_files(lasting: Service) -> None:
    shutil.rmtree(lasting.temporary)
    replace_workers(lasting)
    assert_serves(lasting)
    until(lambda: has_all_workers(lasting))


def test_workers_without_room_serve_and_are_reported_until_they_find_room(
    prepare: Prepare, counters: Path
) -> None:
    with prepare() as service:
        master = psutil.Process(service.process.pid)
        allow(master, ROOM - 1)
        replace_workers(service)
        until(lambda: len(warnings(service)) == 2)
        assert_serves(service)
        assert service.measured()[WITHOUT] == 2
        allow(master, resource.RLIM_INFINITY)
        replace_workers(service)
        until(lambda: has_all_workers(service))
    said = warnings(service)
    assert said == [f"no room for counters in {counters}: [Errno 27] File too large"] * 2


def test_a_directory_that_cannot_be_made_keeps_nothing_from_starting(
    prepare: Prepare, counters: Path
) -> None:
    counters.parent.write_text("a file, so nothing can be in it")
    with prepare() as service:
        assert_serves(service)
        assert service.measured()[WITHOUT] == 2


def test_a_worker_that_finds_no_more_room_counts_on_in_what_it_has(
    prepare: Prepare, counters: Path
) -> None:
    service = prepare(WEB_CONCURRENCY=1)
    service.command = (*GUNICORN, "tests.serving.growing:app")
    with service:
        (worker,) = service.workers()
        before = service.counted()[("/healthz", "200")]
        allow(worker, ROOM)
        assert Wire(service).send("GET", "/seen/300").status == 200
        assert Wire(service).send("GET", "/healthz").status == 200
        assert service.counted()[("/healthz", "200")] == before + 1
        allow(worker, resource.RLIM_INFINITY)
        assert Wire(service).send("GET", "/seen/600").status == 200
        assert service.workers() == [worker]
        assert max(file.stat().st_size for file in counters.iterdir()) > ROOM
    assert len(warnings(service)) == 1


def test_damaged_files_are_left_out_and_logged_once(lasting: Service) -> None:
    files, before = files_of(lasting), (lasting.scrape(), warnings(lasting))
    (files / "counter_0.db").touch()
    for name, content in DAMAGED.items():
        (files / name).write_bytes(content)
    assert [lasting.scrape() for _ in range(3)] == [before[0]] * 3
    said = warnings(lasting)[len(before[1]) :]
    assert sorted(line.split()[2] for line in said) == sorted(str(files / name) for name in DAMAGED)
    (files / "counter_10.db").write_bytes(SOUND)
    assert "\na_total 1.0\n" in lasting.scrape()[1]


def test_a_worker_whose_file_is_missing_is_reported_until_it_is_replaced(lasting: Service) -> None:
    until(lambda: has_all_workers(lasting))
    worker = lasting.workers()[0]
    (files_of(lasting) / f"histogram_{worker.pid}.db").unlink()
    assert lasting.measured()[WITHOUT] == 1
    worker.kill()
    until(lambda: has_all_workers(lasting))


def test_what_a_dead_worker_has_counted_takes_only_the_room_that_it_needs(lasting: Service) -> None:
    until(lambda: has_all_workers(lasting))
    worker, before = lasting.workers()[0], lasting.counted()
    file = files_of(lasting) / f"counter_{worker.pid}.db"
    assert file.stat().st_size == ROOM
    worker.kill()
    until(lambda: file.stat().st_size < 10_000)
    until(lambda: len(lasting.workers()) == 2)
    after = lasting.counted()
    assert all(after[key] >= value for key, value in before.items())


def test_the_workers_of_a_preloaded_app_count_together(prepare: Prepare, counters: Path) -> None:
    service = prepare()
    service.environment["GUNICORN_CMD_ARGS"] = "--preload"
    with service:
        before = service.counted().get(("/readyz", "200"), 0)
        for asked in range(1, 21):
            assert Wire(service).send("GET", "/readyz").status == 200
            assert service.counted()[("/readyz", "200")] == before + asked
        assert_serves(service)
        shutil.rmtree(counters)
        replace_workers(service)
        assert_serves(service)
        until(lambda: has_all_workers(service))
        assert service.measured()["progress_database_pool_size"] == 2 * 4


def test_to_check_the_configuration_needs_no_directory(prepare: Prepare, counters: Path) -> None:
    service = prepare()
    command = [*map(str, service.command), "--check-config"]
    subprocess.run(command, cwd=ROOT, env=service.environment, check=True)
    assert not counters.exists()
