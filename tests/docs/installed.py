"""A release, and where it is installed."""

import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Built:
    """The two files of a release."""

    wheel: Path
    sdist: Path


def copy_tracked(root: Path, clone: Path) -> Path:
    """Copy the files that git tracks, symlinks as they are, and return the directory."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            _copy(root / name, clone / name)
    return clone


def _copy(source: Path, target: Path) -> None:
    # What git tracks as a symlink is a directory where `make test-versions` tries a wheel.
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target, follow_symlinks=False)


def build(clone: Path) -> Built:
    """Run `make build` in a fresh clone, with the environment that is there already."""
    said = make(clone, "build")
    assert "deprecated" not in said.lower()
    (wheel,), (sdist,) = clone.glob("dist/*.whl"), clone.glob("dist/*.tar.gz")
    return Built(wheel, sdist)


def make(clone: Path, target: str) -> str:
    """Make a target in a copy of the project, and return what it said."""
    ended = subprocess.run(
        ["make", "--old-file=.venv/.installed", target, f"PYTHON={sys.executable}"],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


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

    def script(self, name: str) -> str:
        """The path of a command that is installed here; Python runs it."""
        return str(self.python.with_name(name))

    def environment(self, **given: str) -> dict[str, str]:
        """Nothing of this process's own but what a shell would have."""
        return {"PATH": os.defpath, "HOME": str(self.directory), **given}

    def pip(self, *arguments: str) -> None:
        """Install here, from what there is on this machine alone."""
        python = str(self.python)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
        subprocess.run([*pip, "install", "--quiet", "--no-index", *arguments], check=True)

    @contextmanager
    def serving(self, *arguments: str, **environment: str) -> Iterator["Served"]:
        """Run a command that becomes gunicorn; at the end send SIGTERM, and check its exit code."""
        server = subprocess.Popen(
            [self.python, *arguments],
            cwd=self.directory,
            env=self.environment(TMPDIR=str(self.directory), **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _served(server)
        finally:
            server.terminate()
            server.communicate(timeout=60)
        assert server.returncode == 0


@dataclass(frozen=True)
class Served:
    """Where a server listens, and what it wrote until then."""

    url: str
    told: str


def _served(server: subprocess.Popen[bytes]) -> Served:
    assert server.stdout
    told, deadline = b"", time.monotonic() + 60
    with selectors.DefaultSelector() as waiting:
        waiting.register(server.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if waiting.select(timeout=0.5):
                told += os.read(server.stdout.fileno(), 65536)
            if found := re.search(rb"Listening at: (http://\S+)", told):
                return Served(found[1].decode(), told.decode())
            assert server.poll() is None, told.decode()
    raise AssertionError(told.decode())
