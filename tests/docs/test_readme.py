"""The README is true: its commands are run, its tables compared."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from progress_api import ProgressAPI, Settings
from progress_api.cli import progress
from tests.client import SECRET, InProcess, Learner
from tests.faults.clone import Clone, make_clone

MARK = "--- the next answer ---"
CHANGING = (
    (r'"requestId":"[0-9a-f]{32}"', '"requestId":"…"'),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "…"),
)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Clone]:
    clone = make_clone(tmp_path / "clone")
    run = clone.serve()
    yield clone
    run.process.terminate()
    run.process.wait(10)


def test_the_first_five_minutes_go_as_they_are_told(readme: str, serving: Clone) -> None:
    steps = _steps(readme)

    said = serving.shell(_script(steps, serving.environment["PORT"]))

    answers = [_settled(answer) for answer in said.split(f"{MARK}\n")[1:]]
    assert answers == [_settled(answer) for _, answer in steps]
    assert len(steps) == 10


def test_the_table_of_settings_is_the_one_that_the_command_prints(readme: str) -> None:
    printed = CliRunner().invoke(progress, ["settings"]).output

    assert f"<!-- flask progress settings -->\n{printed}<!-- end -->" in readme


def test_the_table_of_endpoints_lists_each_route_and_its_limit(readme: str, service: Flask) -> None:
    told = re.findall(r"^\| `(\w+) /<tutorialId>(\S*)` .* \| (\d+) \|$", readme, re.MULTILINE)

    rules = service.url_map.iter_rules()
    routes = {
        (method, rule.rule.rpartition("<tutorial_id>")[2])
        for rule in rules
        if "<tutorial_id>" in rule.rule
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for method, path, _ in told} == routes
    settings = Settings(database_url="postgresql+psycopg2://nowhere/none")
    limits = [settings.ratelimit_get, settings.ratelimit_chapter, settings.ratelimit_quiz]
    limits += [settings.ratelimit_complete, settings.ratelimit_reset]
    assert [f"{limit}/minute" for _, _, limit in told] == limits


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


def _steps(readme: str) -> list[tuple[str, str]]:
    """Each command behind a `$`, with the answer that is told below it."""
    blocks = re.findall(r"^```console\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [_split(step) for step in steps]


def _split(step: str) -> tuple[str, str]:
    found = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", step, re.DOTALL)
    assert found
    return found[1], found[2]


def _script(steps: list[tuple[str, str]], port: str) -> str:
    script = "".join(f"echo; echo '{MARK}'\n{command}" for command, _ in steps)
    return script.replace(":8000", f":{port}")


def _settled(answer: str) -> str:
    for pattern, constant in CHANGING:
        answer = re.sub(pattern, constant, answer)
    return answer.strip()
