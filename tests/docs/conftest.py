"""A release that is built from what is here, and installed where nothing of it is."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import click
import pytest

from tests.docs.installed import Built, Installed


@pytest.fixture(scope="module")
def clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git tracks."""
    clone = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            _copy(root / name, clone / name)
    return clone


def _copy(source: Path, target: Path) -> None:
    # What git tracks as a symlink is a directory where `make test-versions` tries a wheel.
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target, follow_symlinks=False)


@pytest.fixture(scope="module")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the sdist from the clone, and the wheel from the sdist."""
    out = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(clone)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "deprecated" not in (ended.stdout + ended.stderr).lower()
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(wheel, sdist)


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
