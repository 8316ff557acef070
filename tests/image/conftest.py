"""The image, built on a base of Debian's packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "docker-compose": "docker-compose",
    "nginx": "nginx-light",
    "podman": "podman",
    "promtool": "prometheus",
    "runc": "runc",
}
BASE = "localhost/progress-api-base:bookworm"
IMAGE = "localhost/progress-api:checked"


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


@pytest.fixture(scope="session")
def base(root: Path) -> str:
    """A base of Debian's packages; its programs must be there to build it."""
    for name in ("buildah", "debootstrap"):
        program(name)
    subprocess.run([root / "tests/image/base", BASE], check=True, timeout=900)
    return BASE


@pytest.fixture(scope="session")
def image(root: Path, base: str) -> str:
    """The image, as `make image` builds it."""
    settings = {"BASE": base, "IMAGE": IMAGE, "ENGINE": program("buildah")}
    assigned = [f"{name}={value}" for name, value in settings.items()]
    run("make", "-C", root, "image", *assigned, BUILDAH_ISOLATION="chroot", BUILDAH_LAYERS="true")
    return IMAGE
