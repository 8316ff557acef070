"""The image, built on a base of Debian's packages, and containers of it."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from embedded.postgres import Postgres
from embedded.valkey import Valkey
from tests.image.container import Container
from tests.image.programs import program, run

BASE = "localhost/progress-api-base:bookworm"
IMAGE = "localhost/progress-api:checked"

Contain = Callable[..., Container]


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


@pytest.fixture(scope="module")
def contain(
    image: str, postgres: Postgres, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contain]:
    """Start a container on a database, with further settings; it runs until the module is done."""
    servers = {"postgres": postgres, "valkey": valkey}
    with ExitStack() as running:

        def start(database: str, **settings: object) -> Container:
            directory = tmp_path_factory.mktemp("container")
            container = Container(directory, image, servers, database, **settings)
            return running.enter_context(container)

        yield start
