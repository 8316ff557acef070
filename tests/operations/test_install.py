"""What an operator installs, from an index: the lock of what is deployed, and the wheel."""

import subprocess
import venv
from pathlib import Path

from tests.docs.installed import build, copy_tracked


def test_the_lock_and_the_wheel_are_all_that_is_installed_to_serve(
    root: Path, tmp_path: Path
) -> None:
    environment, locked = tmp_path / "environment", root / "requirements-serve.lock"
    wheel = build(copy_tracked(root, tmp_path / "clone")).wheel
    venv.create(environment, with_pip=True)

    _run(environment, "pip", "install", "--quiet", "--require-hashes", "-r", locked)
    _run(environment, "pip", "install", "--quiet", "--no-deps", wheel)

    assert _run(environment, "pip", "check") == "No broken requirements found.\n"
    assert "`DATABASE_URL`" in _run(environment, "progress-api", "settings")


def _run(environment: Path, name: str, *arguments: str | Path) -> str:
    command = [environment / "bin" / name, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
