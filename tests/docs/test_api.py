"""The commands of docs/api.md return the responses that it shows."""

import re
import subprocess
from pathlib import Path

import pytest
from werkzeug.http import HTTP_STATUS_CODES

from embedded.valkey import Valkey
from progress_api.api import API
from tests.client import PREFIX, token
from tests.docs.console import answers_in, script_of, settled, steps_of
from tests.serving.service import Service


@pytest.fixture(scope="module")
def said(
    root: Path, shared_database: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Return the responses to the commands, in their order."""
    steps = steps_of((root / "docs/api.md").read_text())
    given = {"DATABASE_URL": shared_database, "RATELIMIT_STORAGE_URI": valkey.url}
    with Service(tmp_path_factory.mktemp("service"), **given) as service:
        variables = {
            "URL": f"http://127.0.0.1:{service.port}{PREFIX}",
            "TOKEN": token("bob"),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        script = script_of(steps, str(service.port))
        command = ["sh", "-c", script]
        return answers_in(subprocess.check_output(command, env=variables, text=True))


def test_each_refusal_is_in_the_table_with_its_status(root: Path) -> None:
    section = (root / "docs/api.md").read_text().partition("## Errors")[2].partition("\n## ")[0]

    rows = re.findall(r"^\| ([\d, ]+) \| (.*?) \|", section, re.MULTILINE)

    told = {text: statuses for statuses, texts in rows for text in re.findall(r"`(.*?)`", texts)}
    answered = {text: status for status, text in API.errors.values()}
    answered |= {HTTP_STATUS_CODES[status]: status for status in (404, 405)}
    assert told.keys() == answered.keys()
    assert [text for text, status in answered.items() if str(status) not in told[text]] == []


def test_each_command_prints_the_response_that_is_shown(root: Path, said: list[str]) -> None:
    steps = steps_of((root / "docs/api.md").read_text())

    assert len(said) == len(steps) == 8
    assert said == [settled(told) for _, told in steps]
