"""A gunicorn that is killed leaves its counters' directory, which the next one removes."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.serving.service import Service, until

Start = Callable[..., Service]
NAME = "progress-api-metrics-"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The directory for temporary files that all services share."""
    shared = tmp_path / "shared"
    shared.mkdir()
    return shared


@pytest.fixture
def start(tmp_path: Path, temporary: Path, shared_database: str) -> Iterator[Start]:
    """Start a service there with further settings; all of them end with the test."""
    with ExitStack() as running:

        def begin(name: str, **settings: object) -> Service:
            given = {"DATABASE_URL": shared_database, "TMPDIR": temporary, **settings}
            return running.enter_context(Service(tmp_path / name, WEB_CONCURRENCY=1, **given))

        yield begin


def directories(temporary: Path) -> set[Path]:
    """Those of counters."""
    return set(temporary.glob(f"{NAME}*"))


def kill(service: Service) -> None:
    """Kill a master as the kernel does when memory is short; its workers end with it."""
    processes = [service.master, *service.workers()]
    service.master.kill()
    service.process.wait()
    psutil.wait_procs(processes, 10)


def test_the_directory_of_a_killed_master_is_removed_at_the_next_start(
    start: Start, temporary: Path
) -> None:
    kill(start("killed"))
    (left,) = directories(temporary)
    assert list(left.iterdir())

    next_one = start("next")

    (own,) = directories(temporary)
    assert own != left
    # ... and one that ends as it should leaves nothing.
    next_one.signal(signal.SIGTERM)
    next_one.process.wait(20)
    assert directories(temporary) == set()


def test_the_directory_of_a_running_master_stays_though_its_workers_die(
    start: Start, temporary: Path
) -> None:
    # given a service without a worker for a while
    first = start("first")
    (used,) = directories(temporary)
    first.master.suspend()
    for worker in first.workers():
        worker.kill()
    # when
    start("second")
    # then
    assert used in directories(temporary)
    first.master.resume()
    until(lambda: len(first.workers()) == 1)
    until(lambda: first.measured()["progress_workers_without_counters"] == 0)


def test_a_directory_that_was_made_again_is_in_use_too(start: Start, temporary: Path) -> None:
    # given a directory that somebody removed, and the next worker made again
    first = start("first")
    (used,) = directories(temporary)
    for file in used.iterdir():
        file.unlink()
    used.rmdir()
    first.workers()[0].kill()
    until(lambda: used.exists() and list(used.iterdir()))
    # when
    start("second")
    # then
    assert used in directories(temporary)


def test_only_an_unused_directory_of_the_same_user_is_removed(
    start: Start, temporary: Path, tmp_path: Path
) -> None:
    # given
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    link, file, locked, of_another, unused = (
        temporary / f"{NAME}{name}" for name in ("link", "file", "locked", "another", "unused")
    )
    link.symlink_to(elsewhere)
    file.touch()
    for directory in (locked, of_another, unused):
        directory.mkdir()
    (unused / "link").symlink_to(elsewhere)
    if os.geteuid() == 0:  # only root can give a directory away
        os.chown(of_another, 12345, 12345)
    descriptor = os.open(locked, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    # when
    start("service")
    os.close(descriptor)
    # then
    assert link.is_symlink()
    assert file.exists()
    assert locked.exists()
    assert of_another.exists() is (os.geteuid() == 0)
    assert not unused.exists()
    assert (elsewhere / "kept").exists()
