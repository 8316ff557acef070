"""docs/deploying.md names what is there, and its commands can be read by a shell."""

import re
import subprocess
from pathlib import Path

import pytest

from progress_api.version import VERSION

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def commands(root: Path) -> list[str]:
    """The blocks of commands."""
    return _BLOCK.findall((root / "docs/deploying.md").read_text())


def test_a_shell_can_read_each_block_of_commands(commands: list[str]) -> None:
    assert len(commands) == 6
    for block in commands:
        read = subprocess.run(
            ["sh", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert read.stderr == ""


def test_the_commands_name_files_of_this_version(root: Path, commands: list[str]) -> None:
    text = "\n".join(commands)
    files = {name.rstrip("*.yaml").rstrip("/") if "*" in name else name for name in _files(text)}
    versions = set(re.findall(r"progress[-_]api[:-](\d[\d.]*\d)", text))

    assert {name for name in files if not (root / name).exists()} == set()
    assert versions == {VERSION}


def test_each_manifest_and_unit_is_installed_by_some_command(
    root: Path, commands: list[str]
) -> None:
    text = "\n".join(commands)

    for unit in ("progress-api.service", "progress-api.socket", "nginx.conf"):
        assert f"deploy/{unit}" in text
    assert "deploy/kubernetes/*.yaml" in text
    assert (root / "deploy/kubernetes").is_dir()


@pytest.mark.parametrize(
    ("first", "failing", "replacing"),
    [
        ("git pull", "compose run --rm migrate", "compose up"),
        ("kubectl replace", "wait --for=condition=complete", "apply --filename"),
    ],
)
def test_an_upgrade_whose_migration_fails_replaces_no_service(
    commands: list[str], first: str, failing: str, replacing: str
) -> None:
    (block,) = (one for one in commands if f"{first} " in f"{one} ".replace("\n", " "))
    assert block.index(failing) < block.index(replacing)
    told = f'say() {{ echo "$*"; case "$*" in *"{failing}"*) return 1; esac; }}\n'
    programs = "".join(f'{name}() {{ say "$@"; }}\n' for name in ("docker", "git", "kubectl"))

    script = f"{told}{programs}make() {{ :; }}\nsed() {{ :; }}\n{block}"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)

    assert failing in ran.stdout
    assert replacing not in ran.stdout


def _files(text: str) -> list[str]:
    return re.findall(r"(?:deploy/|requirements)[\w./*-]+", text)
