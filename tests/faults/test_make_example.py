"""`make example`: one command that serves a host, on the clone's own PostgreSQL."""

import os
import re
import signal
from collections.abc import Iterator

import pytest
import requests

from embedded.ports import free_port
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


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_leaves_nothing_running(
    clone: Clone, ending: signal.Signals
) -> None:
    # given
    run = clone.serve("example")
    assert "Signed in as ada" in _signed_in(clone, run)
    # when as a Ctrl-C does, and as `kill` does
    if ending == signal.SIGINT:
        os.killpg(run.process.pid, ending)
    else:
        run.process.terminate()
    # then
    run.process.wait(_STOP_SECONDS)
    until(lambda: clone.left() == [], _STOP_SECONDS)
    assert "Traceback" not in run.told


def test_it_serves_while_the_service_runs(clone: Clone) -> None:
    service = clone.serve()
    port = clone.environment["PORT"]
    clone.environment["PORT"] = str(free_port())
    try:
        example = clone.serve("example")
        assert "Signed in as ada" in _signed_in(clone, example)
    finally:
        clone.environment["PORT"] = port
    assert service.is_serving()


def _signed_in(clone: Clone, run: Run) -> str:
    found = re.search(r"as ada with the password (\S+)", run.told)
    assert found
    address = f"http://127.0.0.1:{clone.environment['PORT']}/sign-in"
    with requests.Session() as browser:
        return browser.post(address, data={"name": "ada", "password": found[1]}, timeout=30).text
