"""How the service ends and is replaced while requests come in."""

import shutil
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import create_server

import psutil
import psycopg2
import pytest

from embedded.local import ROOT
from tests.client import Answer
from tests.conftest import SCHEME, with_scheme
from tests.serving.raw import exchange
from tests.serving.service import Service, Wire, until


@dataclass(frozen=True)
class Life:
    """A service that has ended, after all that may happen to one."""

    service: Service
    workers: list[psutil.Process]
    last: Answer
    exit_code: int


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, shared_database: str) -> Life:
    """One with bad requests, a worker that is killed, a reload, and a SIGTERM in a request."""
    directory, dsn = tmp_path_factory.mktemp("life"), with_scheme(shared_database, "postgresql")
    service = Service(directory, DATABASE_URL=shared_database, DATABASE_TIMEOUT=20_000)
    with service, closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
        exchange(service, b"nonsense\r\n\r\n")
        before = service.workers()
        before[0].kill()
        until(lambda: len(service.workers()) == 2 and before[0] not in service.workers())
        before = service.workers()
        service.signal(signal.SIGHUP)
        until(lambda: len(service.workers()) == 2 and not set(before) & set(service.workers()))
        learner = service.learner()
        learner.watch(seconds=1)
        workers = service.workers()
        cursor.execute(
            "SELECT FROM tutorial_progress WHERE user_id = %s FOR UPDATE", [learner.name]
        )
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(learner.watch, seconds=50)
            until(lambda: _somebody_waits_for_a_lock(dsn))
            service.signal(signal.SIGTERM)
            until(lambda: len(service.workers()) == 1)  # the idle one has ended
            other.rollback()
        return Life(service, workers, running.result(), service.process.wait(30))


def test_on_sigterm_a_running_request_is_finished_before_the_service_ends(life: Life) -> None:
    assert life.exit_code == 0
    assert life.last.status == 200
    assert life.last.body["totalWatchTime"] == 50
    assert not any(_runs(worker) for worker in life.workers)
    assert "Shutting down: Master" in {line["message"] for line in life.service.lines()}


def test_a_worker_loads_psycopg_3_where_the_address_names_it_and_only_there(
    served: Service,
) -> None:
    for worker in served.workers():
        parts = {part for file in worker.memory_maps() for part in Path(file.path).parts}
        assert ("psycopg_binary" in parts) is (SCHEME == "postgresql+psycopg")


def test_on_hup_every_worker_is_replaced_and_no_request_is_lost_or_miscounted(
    served: Service,
) -> None:
    before = served.workers()
    counted = served.counted().get(("/readyz", "200"), 0)
    statuses: list[int] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            statuses.append(Wire(served).send("GET", "/readyz").status)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            served.signal(signal.SIGHUP)
            until(lambda: not set(before) & set(served.workers()))
            until(lambda: len(served.workers()) == 2)
            enough_after = len(statuses) + 50
            until(lambda: len(statuses) > enough_after)
        finally:
            enough.set()
        for one in asking:
            one.result()

    assert Counter(statuses) == {200: len(statuses)}
    assert served.counted()[("/readyz", "200")] == counted + len(statuses)


def test_on_hup_the_code_and_the_configuration_installed_meanwhile_are_loaded(
    tmp_path: Path, shared_database: str
) -> None:
    service = Service(tmp_path, DATABASE_URL=shared_database, WEB_CONCURRENCY=1, METRICS_PORT=0)
    service.root, package = tmp_path, tmp_path / "progress_api"
    shutil.copytree(ROOT / "progress_api", package)
    with service:
        before = ("ok", 8190)
        # The second reload must find the files as the first one did.
        for status, longest in (("newer", 100), ("newest", 4000)):
            _replace(package / "monitoring/health.py", f'"{before[0]}"', f'"{status}"')
            _replace(package / "serving.py", f"line = {before[1]}\n", f"line = {longest}\n")
            service.signal(signal.SIGHUP)
            until(partial(_answers, service, "/healthz", 200, status))
            long = ("/healthz?" + "q" * 200, 414 if longest < 200 else 200)
            until(partial(_answers, service, *long))
            before = (status, longest)


def test_every_line_from_start_to_end_is_a_json_object(life: Life) -> None:
    lines = life.service.lines()

    assert all(isinstance(line, dict) for line in lines)
    assert {"level", "logger", "message", "time"} <= set.intersection(*map(set, lines))
    assert {"gunicorn.error", "progress_api.access"} <= {line["logger"] for line in lines}
    assert lines[-1]["message"] == "Shutting down: Master"


def test_a_run_leaves_nothing_in_the_directory_for_temporary_files(life: Life) -> None:
    assert list(life.service.temporary.iterdir()) == []


def test_on_usr2_a_new_master_takes_over_the_ports_of_the_old_one(
    tmp_path: Path, shared_database: str
) -> None:
    service = Service(tmp_path, DATABASE_URL=shared_database, WEB_CONCURRENCY=1)
    service.command = (Path(sys.executable).with_name("progress-api"), "serve")
    with service:
        (worker,) = service.workers()
        service.signal(signal.SIGUSR2)
        until(lambda: _successors(service, worker))
        (successor,) = _successors(service, worker)
        try:
            service.signal(signal.SIGTERM)
            assert service.process.wait(30) == 0
            until(lambda: _is_scraped(service))
            assert Wire(service).send("GET", "/healthz").status == 200
            assert service.counted()[("/healthz", "200")] == 1
        finally:
            successor.terminate()
            until(lambda: not _runs(successor))

    assert {line["level"] for line in service.lines()} <= {"INFO", "WARNING"}
    assert list(service.temporary.iterdir()) == []


def test_no_worker_outlives_its_master_and_keeps_the_ports(
    tmp_path: Path, shared_database: str
) -> None:
    with Service(tmp_path, DATABASE_URL=shared_database, WEB_CONCURRENCY=1) as service:
        (worker,) = service.workers()
        worker.suspend()  # like a busy worker: it does not look for its master
        try:
            service.process.kill()
            service.process.wait()
            until(lambda: not _runs(worker))
        finally:
            with suppress(psutil.NoSuchProcess):
                worker.kill()

        # Its first thread may be gone a moment before the others, which have the ports as well.
        until(lambda: all(map(_is_free, (service.port, service.metrics_port))))


def _answers(service: Service, path: str, status: int, body_status: str | None = None) -> bool:
    answer = Wire(service).send("GET", path)
    return answer.status == status and body_status in {None, answer.body.get("status")}


def _replace(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, after))


def _is_free(port: int) -> bool:
    try:
        create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _successors(service: Service, worker: psutil.Process) -> list[psutil.Process]:
    """Masters that were started beside the worker, and have workers themselves."""
    return [one for one in service.workers() if one != worker and one.children()]


def _is_scraped(service: Service) -> bool:
    try:
        return service.scrape()[0] == 200
    except ConnectionRefusedError:
        return False


def _somebody_waits_for_a_lock(dsn: str) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        row = cursor.fetchone()
        return row is not None and row[0] > 0


def _runs(process: psutil.Process) -> bool:
    # Where process 1 reaps nothing, an orphan that has ended stays a zombie.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
