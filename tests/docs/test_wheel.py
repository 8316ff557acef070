"""What is built and given to others: it has all that it needs, and works from anywhere."""

import os
import re
import selectors
import shutil
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

import click
import pytest
import requests

from progress_api.migrate import head
from tests.client import SECRET, Learner, OverTheWire

NEEDED = {
    "wsgi.py",
    "progress_api/py.typed",
    "progress_api/migrations/env.py",
    "progress_api/migrations/script.py.mako",
    "progress_api/migrations/versions/__init__.py",
    "progress_api/migrations/versions/progress_0001_guide_tables.py",
    "progress_api/migrations/versions/progress_0002_quiz_attempt_keys.py",
}
# In one process, for the imports take most of the time. The first needs no key.
TWO_COMMANDS = """
import os, sys
from flask.cli import cli
cli.main(["--app", "progress_api", "progress", "migrate"], standalone_mode=False)
os.environ["JWT_SECRET_KEY"] = sys.argv[1]
cli.main(["--app", "progress_api", "progress", "check"], standalone_mode=False)
"""


@dataclass(frozen=True)
class Built:
    """The two files of a release."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it, and an empty directory to work in."""

    python: Path
    directory: Path

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a Python module from the empty directory, and return what it printed."""
        ended = subprocess.run(
            [self.python, *arguments],
            cwd=self.directory,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def environment(self, **given: str) -> dict[str, str]:
        """Nothing of this process's own but what a shell would have."""
        return {"PATH": os.defpath, "HOME": str(self.directory), **given}


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build from what a fresh clone holds, the wheel from the sdist."""
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("built")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, clone / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(clone)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "deprecated" not in (ended.stdout + ended.stderr).lower()
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with nothing but the wheel, and what it depends on on the path behind it."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", str(built.wheel)], check=True
    )
    # As a line of a .pth file the directory is searched, and .pth files in it are not run: the
    # project's own editable installation is not seen.
    dependencies = Path(click.__file__).parent.parent
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return Installed(python, tmp_path_factory.mktemp("empty"))


def test_the_wheel_has_the_migrations_and_the_types_and_neither_tests_nor_servers(
    built: Built, root: Path
) -> None:
    # when
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    # then
    assert names >= NEEDED
    package = {f"{path.relative_to(root)}" for path in root.glob("progress_api/**/*.py")}
    assert names >= package
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"progress_api", "wsgi.py"}


def test_the_sdist_has_what_the_wheel_is_built_from(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert names >= NEEDED | {"setup.cfg", "pyproject.toml", "LICENSE"}


def test_the_wheel_says_what_it_is_and_names_its_license_and_its_command(built: Built) -> None:
    # when
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
        metadata = message_from_string(wheel.read(names["METADATA"]).decode())
        commands = wheel.read(names["entry_points.txt"]).decode()
    # then
    assert metadata["Name"] == "progress-api"
    assert (metadata["License-Expression"] or metadata["License"]) == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "LICENSE" in names
    assert commands.split() == ["[flask.commands]", "progress", "=", "progress_api.cli:progress"]
    needed = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert {"flask", "gunicorn", "alembic", "psycopg2-binary"} <= {
        str(re.split("[<>=~!\\[]", need)[0]).lower() for need in needed
    }
    assert not any(need.startswith(("pytest", "embedded", "psutil")) for need in needed)


def test_the_wheel_is_what_is_imported_where_it_is_installed(installed: Installed) -> None:
    for module in ("progress_api", "wsgi"):
        find = f"from importlib.util import find_spec; print(find_spec({module!r}).origin)"
        found = Path(installed.run("-c", find))
        assert found.is_relative_to(installed.python.parent.parent)


def test_the_command_migrates_from_the_wheel(installed: Installed, empty_database: str) -> None:
    # when
    said = installed.run("-c", TWO_COMMANDS, SECRET, DATABASE_URL=empty_database)
    # then
    assert said.splitlines()[0] == f"The database is at {head()}."
    assert "Traceback" not in said


def test_gunicorn_serves_the_wheel(installed: Installed, database: str) -> None:
    with _serving(installed, database) as url:
        assert requests.get(f"{url}/healthz", timeout=60).status_code == 200
        assert requests.get(f"{url}/readyz", timeout=60).status_code == 200
        ada = Learner(OverTheWire(url), "ada")
        assert ada.watch(completed=True, totalChapters=2).body["completionPercentage"] == 50


@contextmanager
def _serving(installed: Installed, database: str) -> Iterator[str]:
    """`gunicorn wsgi:app` on a port of its own choice; its own options are defaults."""
    server = subprocess.Popen(
        [installed.python, "-m", "gunicorn", "wsgi:app"],
        cwd=installed.directory,
        env=installed.environment(
            DATABASE_URL=database,
            JWT_SECRET_KEY=SECRET,
            GUNICORN_CMD_ARGS="--bind 127.0.0.1:0",
            TMPDIR=str(installed.directory),
        ),
        stderr=subprocess.PIPE,
    )
    try:
        yield _address(server)
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert server.returncode == 0


def _address(server: subprocess.Popen[bytes]) -> str:
    """Read what it logs until it says where it listens."""
    assert server.stderr
    told, deadline = b"", time.monotonic() + 60
    with selectors.DefaultSelector() as waiting:
        waiting.register(server.stderr, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if waiting.select(timeout=0.5):
                told += os.read(server.stderr.fileno(), 65536)
            if found := re.search(rb"Listening at: (http://\S+)", told):
                return found[1].decode()
            assert server.poll() is None, told.decode()
    raise AssertionError(told.decode())
