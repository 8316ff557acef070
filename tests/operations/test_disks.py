"""The service on disks that are full, that fill up, or that nobody may write to any more."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwnam

from tests.operations.conftest import program, run
from tests.serving.service import GUNICORN, Serve, Service, Wire, until
from tests.serving.test_counters import (
    WITHOUT,
    assert_serves,
    files_of,
    has_all_workers,
    replace_workers,
    warnings,
)


@contextmanager
def disk(directory: Path, *options: str) -> Iterator[Path]:
    """While a directory is a disk of its own, in memory; only root may have one."""
    directory.mkdir()
    run("mount", "-t", "tmpfs", *options, "tmpfs", directory)
    try:
        yield directory
    finally:
        run("umount", "--lazy", directory)


def fill(directory: Path) -> Path:
    """Leave no room on a disk, and return the file that takes all of it."""
    full = directory / "full"
    full.write_bytes(bytes(shutil.disk_usage(directory).free))
    return full


def test_on_a_full_disk_all_workers_start_and_serve(tmp_path: Path, serve: Serve) -> None:
    with disk(tmp_path / "disk", "-o", "size=64k") as full:
        fill(full)
        service = serve(PROMETHEUS_MULTIPROC_DIR=full / "counters")
        assert_serves(service)
        assert service.measured()[WITHOUT] == 2
        assert len(warnings(service)) == 2


def test_a_disk_that_fills_up_ends_no_worker(tmp_path: Path, serve: Serve) -> None:
    with disk(tmp_path / "disk", "-o", "size=4m") as small:
        service = serve(PROMETHEUS_MULTIPROC_DIR=small / "counters")
        workers, full = service.workers(), fill(small)
        before = service.counted().get(("unmatched", "404"), 0)
        for _ in range(10):
            assert_serves(service)
            assert Wire(service).send("GET", "/nowhere").status == 404
        assert service.workers() == workers
        assert service.counted()[("unmatched", "404")] == before + 10
        replace_workers(service)
        assert_serves(service)
        assert service.measured()[WITHOUT] == 2
        full.unlink()
        replace_workers(service)
        until(lambda: has_all_workers(service))


def test_a_worker_that_needs_more_room_on_a_full_disk_serves_on(
    tmp_path: Path, database: str
) -> None:
    small = tmp_path / "disk"
    service = Service(
        tmp_path, DATABASE_URL=database, WEB_CONCURRENCY=1, PROMETHEUS_MULTIPROC_DIR=small
    )
    service.command = (*GUNICORN, "tests.serving.growing:app")
    with disk(small, "-o", "size=4m"), service:
        (worker,) = service.workers()
        fill(small)
        assert Wire(service).send("GET", "/seen/500").status == 200
        assert_serves(service)
        assert service.workers() == [worker]
    assert len(warnings(service)) == 1


def test_a_directory_that_becomes_read_only_ends_nothing(tmp_path: Path, serve: Serve) -> None:
    counters = tmp_path / "counters"
    service = serve(PROMETHEUS_MULTIPROC_DIR=counters)
    run("mount", "--bind", counters, counters)
    try:
        run("mount", "-o", "remount,bind,ro", counters)
        first = service.workers()[0]
        first.kill()
        until(lambda: first not in service.workers() and len(service.workers()) == 2)
        assert_serves(service)
        until(lambda: warnings(service))
        assert service.measured()[WITHOUT] == 1
    finally:
        run("umount", counters)


def test_a_directory_that_another_user_makes_in_its_place_is_not_used(
    tmp_path: Path, database: str
) -> None:
    with Service(tmp_path, DATABASE_URL=database) as service:
        directory = files_of(service)
        shutil.rmtree(directory)
        directory.mkdir()
        os.chown(directory, getpwnam("nobody").pw_uid, -1)
        replace_workers(service)
        assert_serves(service)
        assert service.measured()[WITHOUT] == 2
        assert list(directory.iterdir()) == []
    assert set(warnings(service)) == {
        f"no room for counters in {directory}: It belongs to another user."
    }


def test_the_service_starts_where_no_temporary_file_can_be_made(
    tmp_path: Path, database: str
) -> None:
    read_only = "mount --bind $one $one && mount -o remount,bind,ro $one"
    script = f'for one in /tmp /var/tmp; do {read_only} || exit; done; exec "$@"'
    service = Service(tmp_path, DATABASE_URL=database)
    service.command = (program("unshare"), "--mount", "sh", "-c", script, "sh", *service.command)
    service.root = Path("/proc")  # where none can be made either
    with service:
        assert_serves(service)
        until(lambda: has_all_workers(service))
        service.signal(signal.SIGTERM)  # its files are not below tmp_path, so it must remove them
        assert service.process.wait(30) == 0
