"""What gunicorn is started with: where it listens, what is in its way, what it leaves."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving.service import GUNICORN, ROOT, Service

Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def start(tmp_path: Path, shared_database: str) -> Start:
    """Run gunicorn to its end, with further settings."""

    def run(*options: str, **settings: object) -> subprocess.CompletedProcess[str]:
        service = Service(tmp_path, DATABASE_URL=shared_database, **settings)
        service.temporary.mkdir()
        return subprocess.run(
            [GUNICORN, *options, "wsgi:app"],
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
