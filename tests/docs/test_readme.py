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
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_the_table_of_settings_is_the_one_that_the_command_prints(root: Path) -> None:
    page = (root / "docs/settings.md").read_text()
    printed = CliRunner().invoke(progress, ["settings"]).output

    paste = "paste the output of flask --app progress_api progress settings into the page"
    assert f"<!-- flask progress settings -->\n{printed}<!-- end -->" in page, paste


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


@pytest.mark.parametrize(
    "page", ["architecture", "database", "monitoring", "operating", "runbook", "security"]
)
def test_what_a_page_names_is_there(root: Path, page: str) -> None:
    text = (root / f"docs/{page}.md").read_text()

    named = re.findall(r"`([a-z][\w.-]*/[\w./-]*)`", text)

    places = (root, root / "progress_api")  # modules are named by their path in the package
    assert named
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = links_of(page)

    assert [target for target, _ in links if not target.exists()] == []
    assert [link for link in links if link[1] and link[1] not in anchors_of(link[0])] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_that_another_page_names_is_a_link(page: Path) -> None:
    prose = re.sub(r"```.*?```|\[[^]]*\]\([^)]*\)", "", page.read_text(), flags=re.DOTALL)

    named = re.findall(r"`([\w./-]+\.md)`", prose)

    assert [name for name in named if (ROOT / name).exists() or (page.parent / name).exists()] == []


def test_the_readme_links_to_every_page(readme: str, root: Path) -> None:
    pages = [f"docs/{page.name}" for page in (root / "docs").glob("*.md")]

    assert [page for page in pages if f"]({page})" not in readme] == []


def test_each_page_is_reached_from_the_readme() -> None:
    reached, found = set(), {ROOT / "README.md"}
    while found:
        page = found.pop()
        reached.add(page)
        targets = {target for target, _ in links_of(page)}
        folders = {file for target in targets if target.is_dir() for file in target.glob("*.md")}
        found |= {file for file in targets | folders if file.suffix == ".md"} - reached

    assert set(PAGES) - reached == set()


def links_of(page: Path) -> set[tuple[Path, str]]:
    """The file and the anchor of each relative link of a page."""
    links = re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", page.read_text())
    return {((page.parent / path).resolve() if path else page, anchor) for path, anchor in links}


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


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
