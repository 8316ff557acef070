"""Programs from an index of Python packages, which uv runs without installing them here."""

import subprocess
import sys
from pathlib import Path


def tool(package: str, *command: str | Path) -> str:
    """What a command of a package prints; it must succeed.

    Args:
        package: its name and version.
        command: the program and its arguments.
    """
    run = [sys.executable, "-m", "uv", "tool", "run", "--quiet", "--from", package]
    ended = subprocess.run(
        [*run, *map(str, command)], capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr
