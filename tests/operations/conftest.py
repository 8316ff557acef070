"""Programs that operators run the service with, and a service to run them on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.valkey import Valkey
from tests.serving.service import Serve, services

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "nginx": "nginx-light",
    "systemd-analyze": "systemd",
    "mount": "mount",
    "umount": "mount",
    "unshare": "util-linux",
}


def program(name: str) -> str:
    """The path of a program that this machine must have."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        pytest.fail(
            f"make check-ops needs {name}: apt-get install {PACKAGES[name]}.", pytrace=False
        )
    return path


def run(name: str, *arguments: str | Path) -> str:
    """What a program says; it must succeed."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def serve(tmp_path: Path, database: str, valkey: Valkey) -> Iterator[Serve]:
    """Start a service with further settings, until the test is over."""
    with services(lambda: tmp_path / "service", lambda: database, valkey.url) as start:
        yield start
