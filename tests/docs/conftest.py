"""A release that is built from what is here, and installed where nothing of it is."""

import venv
from pathlib import Path

import click
import pytest

from tests.docs.installed import Built, Installed, build


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build from what a fresh clone holds, the wheel from the sdist."""
    return build(root, tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with nothing but the wheel, and what it depends on on the path behind it."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    installed = Installed(home / "bin" / "python", tmp_path_factory.mktemp("empty"))
    installed.pip("--no-deps", str(built.wheel))
    # As a line of a .pth file the directory is searched, and .pth files in it are not run: the
    # project's own editable installation is not seen.
    dependencies = Path(click.__file__).parent.parent
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return installed
