"""A release that is built from what is here, and installed where nothing of it is."""

import venv
from pathlib import Path

import click
import pytest

from tests.docs.installed import Built, Installed, build, copy_tracked


@pytest.fixture(scope="module")
def clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git tracks."""
    return copy_tracked(root, tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build from what a fresh clone holds, the wheel from the sdist."""
    return build(copy_tracked(root, tmp_path_factory.mktemp("built")))


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with nothing but the wheel, and what it depends on on the path behind it."""
    return _environment(tmp_path_factory, str(built.wheel))


@pytest.fixture(scope="module")
def editable(
    request: pytest.FixtureRequest, clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """An environment with an editable installation of the clone, in the mode of the parameter."""
    mode = f"editable_mode={request.param}"
    options = ("--no-build-isolation", "--config-settings", mode)
    return _environment(tmp_path_factory, *options, "--editable", str(clone))


def _environment(tmp_path_factory: pytest.TempPathFactory, *what: str) -> Installed:
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    installed = Installed(home / "bin" / "python", tmp_path_factory.mktemp("empty"))
    # As a line of a .pth file the directory is searched, and .pth files in it are not run: the
    # project's own editable installation is not seen.
    dependencies = Path(click.__file__).parent.parent
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    installed.pip("--no-deps", *what)
    return installed
