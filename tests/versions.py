"""`make test-versions`: all tests on the wheel, with its oldest and its newest dependencies."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from click import echo

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# The oldest of what setup.cfg names; what is needed by those in turn is theirs to bound.
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
# What a host may ask for beside the wheel; its versions are bounded as the wheel's own are.
OFFERED = ("psycopg", "docs")
# What `make test` leaves out: it is about the versions of a browser, of nginx and of PgBouncer. And
# a file that needs the linters, whose versions are bounded for developers alone.
LEFT_OUT = (
    "--ignore=tests/browser",
    "--ignore=tests/deployment",
    "--ignore=tests/image",
    "--ignore=tests/operations",
    "--ignore=tests/pooler",
    "--ignore=tests/docs/test_make_revision.py",
)
# The wheel's; it lies in the project's root too, where it would be imported first.
PACKAGE = "progress_api"
UV = (sys.executable, "-m", "uv")
QUIET = (*UV, "--quiet", "--no-python-downloads")
SAY_WHICH = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


@dataclass(frozen=True)
class Run:
    """All tests, once."""

    python: str
    age: str

    def __str__(self) -> str:
        """What it is called on the command line."""
        return f"{self.python}-{self.age}"

    def result(self) -> tuple[bool, str]:
        """Whether all tests passed, and the last line of what they said."""
        if not (executable := _find(self.python)):
            return False, "not found"
        with TemporaryDirectory(prefix="progress-versions-") as directory:
            try:
                python, tree = _prepare(Path(directory), executable, RESOLUTIONS[self.age])
            except subprocess.CalledProcessError as error:
                return False, f"not installed: {' '.join(map(str, error.cmd))}"
            return _test(python, tree)


def main(chosen: Sequence[str]) -> int:
    """Run what is chosen, or all for which there is a Python; end with a table.

    Args:
        chosen: names of runs, such as 3.11-oldest.

    Returns:
        1 where one failed, 2 where a name is not that of a run.
    """
    runs = [Run(python, age) for python in PYTHONS for age in RESOLUTIONS]
    if unknown := set(chosen) - set(map(str, runs)):
        echo(f"{', '.join(unknown)}: may be {', '.join(map(str, runs))}", err=True)
        return 2
    table, succeeded = [""], []
    for run in runs:
        if str(run) in chosen or (not chosen and _find(run.python)):
            echo(f"\n{run}")
            began = time.monotonic()
            passed, told = run.result()
            succeeded.append(passed)
            table.append(f"{run!s:12}{time.monotonic() - began:5.0f} s  {told}")
        else:
            table.append(f"{run!s:12}         {'not chosen' if chosen else 'not found'}")
    echo("\n".join(table))
    return 0 if succeeded and all(succeeded) else 1


def _find(version: str) -> str | None:
    """The Python of this version; pyenv's command of that name may be there without one."""
    for directory in _directories():
        python = directory / f"python{version}"
        if python.exists():
            said = _output(python, "-I", "-c", SAY_WHICH)
            if said.startswith(f"{version} "):
                return said.partition(" ")[2]
    return None


def _directories() -> Iterator[Path]:
    yield from map(Path, os.get_exec_path())
    if shutil.which("pyenv"):
        yield from sorted(Path(_output("pyenv", "root")).glob("versions/*/bin"))
    yield from sorted(Path(_output(*UV, "python", "dir")).glob("*/bin"))


def _output(*command: str | Path) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout.strip()


def _prepare(directory: Path, executable: str, resolution: str) -> tuple[Path, Path]:
    """Install the wheel and what tests it; return the Python, and a tree with no code but that."""
    tree, environment, pins = (directory / name for name in ("tree", "environment", "pins"))
    _copy(tree)
    _call(*QUIET, "build", "--wheel", "--out-dir", directory, tree)
    (wheel,) = directory.glob("*.whl")
    _call(*QUIET, "venv", "--seed", "--python", executable, environment)
    python = environment / "bin" / "python"
    into, pinned = ("--python", python), ("--constraint", pins)
    extras = [f"--extra={extra}" for extra in OFFERED]
    wanted = ("--resolution", resolution, "--output-file", pins)
    _call(*QUIET, "pip", "compile", *into, *extras, *wanted, "--no-annotate", tree / "setup.cfg")
    echo(" ".join(line for line in pins.read_text().splitlines() if "==" in line))
    tools = ("--requirement", tree / "requirements.in")
    named = ",".join((*OFFERED, "embedded", "test"))
    _call(*QUIET, "pip", "install", *into, *pinned, *tools, f"{wheel}[{named}]")
    _replace(tree, next(environment.glob("lib/python*/site-packages")))
    return python, tree


def _copy(tree: Path) -> None:
    """Copy what is in the repository, or would be."""
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, _output("git", "-C", ROOT, *listing).split("\0")):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name, follow_symlinks=False)
    # A test asks git for the names of its files.
    for command in (["init", "--quiet"], ["add", "--all"]):
        _call("git", "-C", tree, *command)


def _replace(tree: Path, installed: Path) -> None:
    """Have the tree lead to what the wheel installed."""
    shutil.rmtree(tree / PACKAGE)
    (tree / PACKAGE).symlink_to(installed / PACKAGE)


def _test(python: Path, tree: Path) -> tuple[bool, str]:
    command = [str(python), "-m", "pytest", "--quiet", "-n", "3", "--dist", "loadfile"]
    command += LEFT_OUT
    last = ""
    with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, text=True) as tests:
        for line in tests.stdout or ():
            echo(line, nl=False)
            last = line.strip(" =\n") or last
    return tests.returncode == 0, last


def _call(*command: str | Path) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
