"""`make run`: one command that serves, says how to use it, and ends whole."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import create_server
from typing import Any

import psycopg2
import pytest
import requests

from embedded import Postgres
from tests.docs.console import answers_in, script_of, settled, steps_of
from tests.serving.clone import Clone, Run, make_clone
from tests.serving.service import until

_STOP_SECONDS = 10


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The clone; nothing of it runs after the tests."""
    clone = make_clone(tmp_path_factory.mktemp("clone") / "with a space")
    yield clone
    for process in clone.left():
        process.kill()
    for run in clone.runs:
        run.process.wait()


def test_make_run_says_where_it_serves_and_how_to_try_it(clone: Clone) -> None:
    run = clone.serve()

    port, metrics_port = clone.environment["PORT"], clone.environment["METRICS_PORT"]
    assert run.line("Service") == f"http://127.0.0.1:{port}/v1/tutorials/progress"
    assert run.line("Metrics") == f"http://127.0.0.1:{metrics_port}/metrics"
    assert run.line("Database").startswith("postgresql://")
    answer = clone.shell(run.line("Try it"))
    assert '"chaptersCompleted":1' in answer
    assert "api_requests_total" in clone.shell(f"curl -sS {run.line('Metrics')}")


def test_the_first_five_minutes_of_the_readme_respond_as_shown(clone: Clone, root: Path) -> None:
    _running(clone)
    steps = steps_of((root / "README.md").read_text())

    said = clone.shell(script_of(steps, clone.environment["PORT"]))

    assert answers_in(said) == [settled(answer) for _, answer in steps]
    assert len(steps) == 7


def test_a_second_make_run_says_that_one_is_running(clone: Clone) -> None:
    first = _running(clone)

    second = clone.run()

    assert second.process.wait(60) != 0
    assert _complaints(second) == [
        f"The service is already running at http://127.0.0.1:{clone.environment['PORT']}."
    ]
    assert first.is_serving()


def test_make_token_makes_a_token_for_the_running_service(clone: Clone) -> None:
    run = _running(clone)
    address = f"{run.line('Service')}/x"

    admin = clone.shell("make token SUB=alice SCOPE=progress:admin").strip()

    assert _get(address, admin)["userId"] == "alice"
    assert _get(f"{address}?userId=bob", admin)["userId"] == "bob"
    assert _get(f"{address}?userId=bob", _token(run))["error"] == "Forbidden"


def test_make_token_makes_one_for_a_service_with_a_database_of_its_own(
    clone: Clone, shared_database: str
) -> None:
    _end(clone)
    clone.environment["DATABASE_URL"] = shared_database
    try:
        run = clone.serve()
    finally:
        del clone.environment["DATABASE_URL"]

    told = clone.shell("make token SUB=alice").strip()

    assert _get(f"{run.line('Service')}/x", told)["userId"] == "alice"
    _end(clone)
    assert clone.shell("make token SUB=alice").count(".") == told.count(".") == 2


def test_a_start_with_a_secret_shows_it_to_nobody_and_says_that_make_token_needs_it_too(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _running(clone).line("Tokens") == "make token SUB=alice"
    _end(clone)
    secret = "a secret of an operator, of more than 32 bytes"
    monkeypatch.setitem(clone.environment, "JWT_SECRET_KEY", secret)

    run = clone.serve()
    told = clone.shell("make token SUB=alice").strip()

    assert secret not in run.told
    assert [one for one in run.members() if secret in " ".join(one.cmdline())] == []
    assert run.line("Tokens") == "make token SUB=alice (with the same JWT_ settings)"
    assert _get(f"{run.line('Service')}/x", told)["userId"] == "alice"
    _end(clone)


def test_after_a_sigkill_of_the_runner_the_next_make_run_serves_the_same_data(
    clone: Clone,
) -> None:
    run = _running(clone)
    _try(clone, run)

    make, runner, *_ = run.members()
    runner.kill()
    make.kill()
    run.process.wait()

    assert _is_recorded(clone.serve())


def test_a_start_ends_nothing_of_others_that_work_in_its_directory(clone: Clone) -> None:
    _end(clone)
    command = [sys.executable, "-c", "input()", f"{clone.directory}/.local"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as theirs:
        clone.serve()

        still_there = theirs.poll() is None
        theirs.kill()

    assert still_there


def test_its_postgres_writes_nothing_where_its_user_may_not(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Also where root started it, and it may pass the directories that are closed to others."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    with (
        closing(psycopg2.connect(postgres.url("postgres"))) as connection,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        connection.cursor().execute("COPY (SELECT 1) TO %s", [f"{closed}/file"])

    assert list(closed.iterdir()) == []


def test_ctrl_c_ends_all_of_it_and_the_data_stays(clone: Clone) -> None:
    run = _running(clone)
    _try(clone, run)
    members = run.members()

    os.killpg(run.process.pid, signal.SIGINT)

    run.process.wait(_STOP_SECONDS)
    assert len(members) >= 6  # make, the runner, gunicorn and its worker, two servers
    assert clone.left() == []
    assert "Traceback" not in run.told
    assert _is_recorded(clone.serve())


def test_sigterm_ends_all_of_it(clone: Clone) -> None:
    run = _running(clone)

    run.process.terminate()

    run.process.wait(_STOP_SECONDS)
    until(lambda: clone.left() == [], _STOP_SECONDS)
    assert "Traceback" not in run.told


@pytest.mark.parametrize("setting", ["PORT", "METRICS_PORT"])
def test_a_port_that_is_in_use_is_one_clear_line(clone: Clone, setting: str) -> None:
    _end(clone)

    with create_server(("127.0.0.1", int(clone.environment[setting]))):
        run = clone.run()
        assert run.process.wait(60) != 0

    (complaint,) = _complaints(run)
    assert setting in complaint
    assert clone.environment[setting] in complaint
    assert clone.left() == []


def test_a_bad_setting_is_one_clear_line(clone: Clone) -> None:
    _end(clone)
    clone.environment["RATELIMIT_GET"] = "often"
    try:
        run = clone.run()
        assert run.process.wait(60) != 0
    finally:
        del clone.environment["RATELIMIT_GET"]

    (complaint,) = _complaints(run)
    assert complaint.startswith("RATELIMIT_GET")
    assert clone.left() == []


def _running(clone: Clone) -> Run:
    """The running service, or a new one."""
    serving = [run for run in clone.runs if run.process.poll() is None]
    return serving[0] if serving else clone.serve()


def _end(clone: Clone) -> None:
    for run in clone.runs:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGINT)
            run.process.wait(_STOP_SECONDS)


def _try(clone: Clone, run: Run) -> None:
    """Do what the greeting says; the earlier tests may have done it, so forget that first."""
    address = f"{run.line('Service')}/first-steps"
    headers = {"Authorization": f"Bearer {_token(run)}"}
    assert requests.delete(address, headers=headers, timeout=30).status_code in {200, 404}
    clone.shell(run.line("Try it"))


def _is_recorded(run: Run) -> bool:
    """Whether this run has the progress that an earlier run recorded."""
    progress = _get(f"{run.line('Service')}/first-steps", _token(run))
    return bool(progress["chaptersCompleted"] == 1)


def _token(run: Run) -> str:
    """The token that it greets with."""
    found = re.search(r"Bearer ([^'\"]+)", run.line("Try it"))
    assert found
    return found[1]


def _get(address: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(address, headers=headers, timeout=30).json()


def _complaints(run: Run) -> list[str]:
    """The lines that it wrote, without make's own."""
    return [line for line in run.told.splitlines() if not line.startswith("make")]
