"""docs/specification.md can be cited, and its tables are those of the code."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from werkzeug.http import HTTP_STATUS_CODES

from progress_api import Settings
from progress_api.api import API

CITED_IN = ("progress_api", "migrations", "tests", "docs")
TEXTS = {".py", ".md", ".sql"}
STATEMENT = re.compile(r"^\*\*(\d+)\.(\d+)\*\* ", re.MULTILINE)
CITATION = re.compile(r"\bspec (\d+\.\d+)\b")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """The specification."""
    return (root / "docs/specification.md").read_text()


def test_each_statement_has_a_number_of_its_own_in_its_section(page: str) -> None:
    sections = re.findall(r"^## (\d+) ", page, re.MULTILINE)
    numbers = [(int(section), int(number)) for section, number in STATEMENT.findall(page)]

    assert [int(section) for section in sections] == list(range(1, len(sections) + 1))
    assert numbers == sorted(set(numbers))
    assert {section for section, _ in numbers} == set(map(int, sections))
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        number = part.partition(" ")[0]
        assert {section for section, _ in STATEMENT.findall(part)} == {number}


def test_each_statement_that_is_cited_is_there(page: str, root: Path) -> None:
    numbers = {f"{section}.{number}" for section, number in STATEMENT.findall(page)}
    files = [
        path
        for folder in CITED_IN
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix in TEXTS
    ]

    cited = {(path, number) for path in files for number in CITATION.findall(path.read_text())}

    assert (root / "docs/specification.md", "2.4") in cited
    assert [(path, number) for path, number in cited if number not in numbers] == []


def test_each_statement_that_another_one_refers_to_is_there(page: str) -> None:
    numbers = {f"{section}.{number}" for section, number in STATEMENT.findall(page)}
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    prose = re.sub(r"`[^`]*`|OpenAPI 3\.1", "", prose)

    named = set(re.findall(r"(?<![\d.*])\d{1,2}\.\d{1,2}(?![\d*.%])", prose))

    assert len(named) > 20
    assert named - numbers == set()


def test_the_table_of_errors_is_that_of_the_code(page: str) -> None:
    section = page.partition("**5.6**")[2].partition("**5.7**")[0]
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", section, re.MULTILINE)

    listed = {
        (int(status), text) for status, texts in rows for text in re.findall("`(.*?)`", texts)
    }

    answered = set(API.errors.values()) | {(one, HTTP_STATUS_CODES[one]) for one in (404, 405)}
    assert listed == answered


def test_each_setting_that_is_named_exists_and_has_the_default_that_is_stated(page: str) -> None:
    defaults = {one.name.upper(): one.default for one in fields(Settings)}
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page))
    stated = dict(re.findall(r"`([A-Z_]+)` \((\w[\w,:]*)", page))
    rates = re.findall(r"^\| \w+ \| (\S+) \| `(RATELIMIT_\w+)` \|$", page, re.MULTILINE)

    assert named <= defaults.keys()
    assert len(stated) > 5
    assert len(rates) == 8
    stated |= {name: rate for rate, name in rates}
    shown = {name: value.replace(",", "").lower() for name, value in stated.items()}
    assert shown == {name: str(defaults[name]).lower() for name in stated}


def test_the_tables_are_the_sql_that_is_adopted(page: str, root: Path) -> None:
    shown = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    adopted = (root / "tests/migrations/guide.sql").read_text()
    without_comments = re.sub(r"^--.*\n", "", adopted, flags=re.MULTILINE)

    assert [one.split() for one in shown] == [without_comments.split()]
