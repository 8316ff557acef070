"""A clone of the project in which `make run` runs."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from embedded.gunicorn import without_settings
from embedded.local import ROOT
from embedded.ports import free_port
from tests.serving.service import until

_SAYS = {"run": "Ctrl-C", "example": "Booting worker"}
_PARTS = (
    *("progress_api", "embedded", "examples", "Makefile"),
    *("requirements.lock", "setup.cfg", "pyproject.toml"),
)


@dataclass
class Run:
    """One `make run`, or another target, and what it says when it serves."""

    process: subprocess.Popen[str]
    output: Path
    says: str

    @property
    def told(self) -> str:
        """What it has written to the terminal."""
        return self.output.read_text()

    def line(self, name: str) -> str:
        """What it says behind a name."""
        found = re.search(rf"^{name}: +(.*)$", self.told, re.MULTILINE)
        assert found, self.told
        return found[1]

    def is_serving(self) -> bool:
        """Whether it has said how to use it, which is the last that it says."""
        assert self.process.poll() is None, self.told
        return self.says in self.told

    def members(self) -> list[psutil.Process]:
        """Make, and all that it started."""
        head = psutil.Process(self.process.pid)
        return [head, *head.children(recursive=True)]


@dataclass
class Clone:
    """A copy of the project that has everything installed, in a path with a space."""

    directory: Path
    environment: dict[str, str]
    runs: list[Run] = field(default_factory=list)

    def run(self, target: str = "run") -> Run:
        """Start `make run`, or another target, as a shell does: in a process group of its own."""
        output = self.directory.parent / f"output-{len(self.runs)}"
        with output.open("w") as terminal:
            process = subprocess.Popen(
                ["make", target],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0,
            )
        self.runs.append(Run(process, output, _SAYS[target]))
        return self.runs[-1]

    def serve(self, target: str = "run") -> Run:
        """Start `make run`, or another target, and wait until it serves."""
        run = self.run(target)
        until(run.is_serving, 120, every=0.1)
        return run

    def shell(self, command: str) -> str:
        """What a command prints, pasted into a shell here."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def left(self) -> list[psutil.Process]:
        """Processes that still run for this clone."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            place = str(self.directory)
            return process.cwd().startswith(place) or place in " ".join(process.cmdline())
        return False


def make_clone(directory: Path) -> Clone:
    """Copy what `make run` needs, with the environment that is there already.

    The environment counts as installed, so that make does not install into it.
    """
    directory.mkdir()
    for name in _PARTS:
        part = ROOT / name
        if part.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "instance")
            shutil.copytree(part, directory / name, ignore=ignored)
        else:
            shutil.copy2(part, directory / name)
    (directory / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name != ".installed":
            (directory / ".venv" / path.name).symlink_to(path)
    (directory / ".venv" / ".installed").touch()
    given = {"PORT": free_port(), "METRICS_PORT": free_port(), "WEB_CONCURRENCY": 1}
    settings = {name: str(value) for name, value in given.items()}
    return Clone(directory, _environment() | settings)


def _environment() -> dict[str, str]:
    # Another copy of the code is not measured, and its make is not a child of this make.
    foreign = ("COV_", "COVERAGE_", "MAKE", "MFLAGS")
    ours = without_settings(os.environ)
    return {name: value for name, value in ours.items() if not name.startswith(foreign)}
