"""What gunicorn is started with: where it listens, what is in its way, what it leaves."""

import json
import re
import subprocess
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from socket import create_server

import pytest

from embedded.gunicorn import APP
from embedded.local import ROOT
from tests.serving.service import GUNICORN, Serve, Service, Wire

Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def start(tmp_path: Path, shared_database: str) -> Start:
    """Run gunicorn to its end, with further settings."""

    def run(*options: str, app: str = APP, **settings: object) -> subprocess.CompletedProcess[str]:
        service = Service(tmp_path, DATABASE_URL=shared_database, **settings)
        service.temporary.mkdir()
        return subprocess.run(
            [*GUNICORN, *options, app],
            cwd=ROOT,
            env=service.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("host", "bound"),
    [("::1", "[::1]:8000"), ("::", "[::]:8000"), ("db.example", "db.example:8000")],
)
def test_host_may_be_an_address_of_ipv6(start: Start, host: str, bound: str) -> None:
    printed = start("--print-config", HOST=host, PORT=8000).stdout

    assert f"['{bound}']" in printed


@pytest.mark.parametrize("milliseconds", [100, 2000, 60_000])
def test_a_stop_waits_longer_than_a_statement_may_take(start: Start, milliseconds: int) -> None:
    printed = start("--print-config", DATABASE_TIMEOUT=milliseconds).stdout

    (seconds,) = re.findall(r"^graceful_timeout += (\d+)$", printed, re.MULTILINE)
    assert int(seconds) > 2 * milliseconds / 1000  # the wait for a connection takes as long


def test_a_metrics_port_that_is_in_use_is_one_sentence_and_leaves_nothing(
    start: Start, tmp_path: Path
) -> None:
    with create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = start(METRICS_PORT=port)

    assert ended.returncode != 0
    assert _complaint(ended) == (
        f"METRICS_PORT: cannot listen on 127.0.0.1 port {port} (Address already in use)."
    )
    assert _left(tmp_path) == []


def test_an_invalid_metrics_host_is_one_sentence(start: Start) -> None:
    ended = start(METRICS_HOST="nowhere.invalid")

    assert ended.returncode != 0
    assert _complaint(ended).startswith("METRICS_PORT: cannot listen on nowhere.invalid port ")


@pytest.mark.parametrize("setting", ["PORT", "RATELIMIT_GET"])
def test_a_start_that_is_refused_leaves_nothing(start: Start, tmp_path: Path, setting: str) -> None:
    with create_server(("127.0.0.1", 0)) as other:
        refused = {"PORT": other.getsockname()[1], "RATELIMIT_GET": "often"}[setting]
        assert start(**{setting: refused}).returncode != 0

    assert _left(tmp_path) == []


def test_workers_that_cannot_start_leave_nothing(start: Start, tmp_path: Path) -> None:
    other_app = tmp_path / "broken.py"
    other_app.write_text("raise SystemExit(3)")

    ended = start("--pythonpath", str(tmp_path), app="broken:app", WEB_CONCURRENCY=2)

    # It is 1 where the second worker ends while gunicorn stops because of the first.
    assert ended.returncode in {1, 3}
    assert _left(tmp_path) == []


def test_a_directory_for_metrics_that_is_missing_is_made(serve: Serve, tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    service = serve(PROMETHEUS_MULTIPROC_DIR=directory, WEB_CONCURRENCY=1, METRICS_PUBLIC="true")

    assert Wire(service).send("GET", "/healthz").status == 200
    assert service.counted()[("/healthz", "200")] >= 1
    assert any(directory.iterdir())


def test_each_likely_mistake_is_one_warning_at_the_start(serve: Serve) -> None:
    service = serve(RATELIMIT_STORAGE_URI="memory://", JWT_SECRT_KEY="hunter2")

    misspelled, separate = _warnings(service)
    assert (
        misspelled
        == "JWT_SECRT_KEY is not a setting and has no effect. Did you mean JWT_SECRET_KEY?"
    )
    assert separate.startswith("RATELIMIT_STORAGE_URI is memory://: each of the 2 workers counts ")
    assert "hunter2" not in service.log.read_text()


@pytest.mark.parametrize("right", [{"WEB_CONCURRENCY": 1}, {"RATELIMIT_ENABLED": "false"}])
def test_where_limits_are_not_counted_apart_there_is_no_warning(
    serve: Serve, right: dict[str, object]
) -> None:
    assert _warnings(serve(RATELIMIT_STORAGE_URI="memory://", **right)) == []


def test_a_start_with_a_store_for_all_workers_has_no_warning(served: Service) -> None:
    assert _warnings(served) == []


@pytest.mark.parametrize("app", [APP, "wsgi:app"])
def test_a_server_without_the_configuration_is_one_warning(
    start: Start, app: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.py").touch()
    ended = start("-c", str(tmp_path / "empty.py"), "--check-config", app=app)

    (line,) = ended.stdout.splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("WARNING", "progress_api.wsgi")
    assert told["message"].startswith("Started without the configuration progress_api.serving: ")
    assert "progress-api serve" in told["message"]
    assert (ended.returncode, ended.stderr) == (0, "")


def _warnings(service: Service) -> list[str]:
    """What it has warned of before its first worker."""
    lines = takewhile(lambda line: "Booting" not in line["message"], service.lines())
    return [line["message"] for line in lines if line["level"] == "WARNING"]


def _complaint(ended: subprocess.CompletedProcess[str]) -> str:
    """The output without gunicorn's own lines, which are JSON."""
    told = [line for line in (ended.stdout + ended.stderr).splitlines() if line[:1] != "{"]
    assert len(told) == 1, told
    return told[0]


def _left(directory: Path) -> list[Path]:
    return list((directory / "temporary").iterdir())
