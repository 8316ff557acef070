"""The README's tables are compared with the code, and files that pages name exist.

Its commands are run in tests/faults/test_make_run.py.
"""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from progress_api import ProgressAPI, Settings
from progress_api.api import API
from progress_api.cli import progress
from tests.client import SECRET, InProcess, Learner

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_the_table_of_settings_is_the_one_that_the_command_prints(root: Path) -> None:
    operating = (root / "docs/operating.md").read_text()
    printed = CliRunner().invoke(progress, ["settings"]).output

    assert f"<!-- flask progress settings -->\n{printed}<!-- end -->" in operating


def test_the_table_of_endpoints_lists_each_route_and_its_limit(readme: str) -> None:
    listed = re.findall(r"^\| `(\w+) /<tutorialId>(\S*)` .* \| (\d+) \|$", readme, re.MULTILINE)

    settings = Settings(database_url="postgresql+psycopg2://nowhere/none")
    declared = {
        (endpoint.method, endpoint.rule.removeprefix("/<tutorial_id>")): endpoint.limit
        for endpoint in API.endpoints
        if endpoint.rule.startswith("/<tutorial_id>")
    }
    assert {(method, path): f"{limit}/minute" for method, path, limit in listed} == {
        endpoint: getattr(settings, limit or "") for endpoint, limit in declared.items()
    }


@pytest.mark.parametrize("page", ["operating", "architecture", "security"])
def test_what_a_page_names_is_there(root: Path, page: str) -> None:
    text = (root / f"docs/{page}.md").read_text()

    named = re.findall(r"`([a-z][\w.-]*/[\w./-]*)`", text)

    places = (root, root / "progress_api")  # modules are named by their path in the package
    assert named
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_links_to_every_page(readme: str, root: Path) -> None:
    pages = [f"docs/{page.name}" for page in (root / "docs").glob("*.md")]

    assert [page for page in pages if f"]({page})" not in readme] == []


def test_what_the_table_of_the_code_names_is_there(readme: str, root: Path) -> None:
    table = readme.partition("## In the code")[2]

    named = re.findall(r"`([\w./]+/[\w./]*)`", table)

    assert len(named) > 10
    assert [path for path in named if not (root / path).exists()] == []


def test_an_app_of_ones_own_mounts_it_in_one_line(
    shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", shared_database)
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    app = Flask("a host")

    ProgressAPI(app)

    assert Learner(InProcess(app), "hosted").watch().status == 200
