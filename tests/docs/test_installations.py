"""However the package is installed, and wherever it is run, it finds its migrations."""

import subprocess
from pathlib import Path

import pytest

from progress_api.schema.migrate import head
from tests.docs.installed import Installed

EDITABLE_MODES = ("lenient", "strict", "compat")
# In each directory, as a new process would: what the package itself runs, then what a host's
# Alembic finds by the documented location. One process, because imports take most of the time.
NEWEST_REVISIONS = """
import os, sys
from alembic.config import Config
from alembic.script import ScriptDirectory

for directory in sys.argv[1:]:
    os.chdir(directory)
    for name in [name for name in sys.modules if name.partition(".")[0] == "progress_api"]:
        del sys.modules[name]
    from progress_api.schema.migrate import head
    config = Config()
    config.set_main_option("script_location", "progress_api:migrations")
    config.set_main_option("version_locations", "progress_api:migrations/versions")
    config.set_main_option("path_separator", "newline")
    print(head(), *ScriptDirectory.from_config(config).get_heads())
"""


def test_the_wheel_finds_its_migrations(installed: Installed, clone: Path) -> None:
    assert_finds_its_migrations(installed, clone)


@pytest.mark.parametrize("editable", EDITABLE_MODES, indirect=True)
def test_an_editable_installation_finds_its_migrations(editable: Installed, clone: Path) -> None:
    assert_finds_its_migrations(editable, clone)


def assert_finds_its_migrations(installed: Installed, clone: Path) -> None:
    """Look from an empty directory, and from the source tree, whose package comes first."""
    found = installed.run("-c", NEWEST_REVISIONS, str(installed.directory), str(clone))
    assert found.splitlines() == [f"{head()} {head()}"] * 2


def test_the_migrations_are_at_the_top_of_the_repository(root: Path) -> None:
    # when
    command = ["git", "ls-files", "--stage", "migrations/env.py", "progress_api/migrations"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    # then
    real, symlink = listed.splitlines()
    assert real.startswith("100644 ")
    assert symlink.startswith("120000 ")
