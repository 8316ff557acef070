"""How the service ends and is replaced while requests come in."""

import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from tests.serving.raw import exchange
from tests.serving.service import Service, Wire, until


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, shared_database: str) -> Service:
    """A service that has ended, after all that may happen to one."""
    directory = tmp_path_factory.mktemp("life")
    service = Service(directory, DATABASE_URL=shared_database, WEB_CONCURRENCY=1)
    with service:
        exchange(service, b"nonsense\r\n\r\n")
        before = service.workers()
        before[0].kill()
        until(lambda: service.workers() and before != service.workers())
        before = service.workers()
        service.signal(signal.SIGHUP)
        until(lambda: service.workers() and not set(before) & set(service.workers()))
        Wire(service).send("GET", "/healthz")
    return service


def test_on_sigterm_a_running_request_is_finished_before_the_service_ends(
    serve_once: Service, shared_database: str
) -> None:
    dsn = shared_database.replace("+psycopg2", "")
    with serve_once as service, closing(psycopg2.connect(dsn)) as other:
        learner = service.learner()
        learner.watch(seconds=1)
        workers = service.workers()
        with ThreadPoolExecutor(1) as pool, other.cursor() as cursor:
            cursor.execute(
                "SELECT FROM tutorial_progress WHERE user_id = %s FOR UPDATE", [learner.name]
            )
            running = pool.submit(learner.watch, seconds=50)
            until(lambda: _somebody_waits_for_a_lock(dsn))

            service.signal(signal.SIGTERM)
            until(lambda: len(service.workers()) == 1, 20)  # the idle one has ended
            other.rollback()

            answer = running.result(10)
        assert service.process.wait(10) == 0

    assert answer.status == 200
    assert answer.body["totalWatchTime"] == 50
    assert not any(_runs(worker) for worker in workers)
    assert "Shutting down: Master" in {line["message"] for line in service.lines()}


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
            until(lambda: not set(before) & set(served.workers()), 20)
            until(lambda: len(served.workers()) == 2)
            enough_after = len(statuses) + 50
            until(lambda: len(statuses) > enough_after)
        finally:
            enough.set()
        for one in asking:
            one.result()

    assert Counter(statuses) == {200: len(statuses)}
    assert served.counted()[("/readyz", "200")] == counted + len(statuses)


def test_every_line_from_start_to_end_is_a_json_object(life: Service) -> None:
    lines = life.lines()

    assert all(isinstance(line, dict) for line in lines)
    assert {"level", "logger", "message", "time"} <= set.intersection(*map(set, lines))
    assert {"gunicorn.error", "progress_api.access"} <= {line["logger"] for line in lines}
    assert lines[-1]["message"] == "Shutting down: Master"


def test_a_run_leaves_nothing_in_the_directory_for_temporary_files(life: Service) -> None:
    assert list(life.temporary.iterdir()) == []


def test_a_bad_setting_ends_the_start_with_one_sentence(
    tmp_path: Path, shared_database: str
) -> None:
    bad = Service(tmp_path, DATABASE_URL=shared_database, JWT_SECRET_KEY="short")

    with pytest.raises(AssertionError), bad:
        pass

    (told,) = bad.log.read_text().splitlines()
    assert told.startswith("JWT_SECRET_KEY must be")


def _somebody_waits_for_a_lock(dsn: str) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        row = cursor.fetchone()
        return row is not None and row[0] > 0


def _runs(process: psutil.Process) -> bool:
    # Where process 1 reaps nothing, an orphan that has ended stays a zombie.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
