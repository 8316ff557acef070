"""Programs that these tests need."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "podman": "podman",
    "runc": "runc",
}


def program(name: str) -> str:
    """The path of a program that this machine must have."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        pytest.fail(
            f"make check-image needs {name}: apt-get install {PACKAGES[name]}.", pytrace=False
        )
    return path


def run(name: str, *arguments: str | Path, **environment: str) -> str:
    """What a program prints; it must succeed."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
