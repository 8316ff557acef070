"""The page about security names tests that there are, and leaves out nothing that was asked for."""

import re
from pathlib import Path

import pytest

GUIDES = (
    "all endpoints require authentication",
    "users can only access their own data",
    "input validation on all fields",
    "SQL injection prevention",
    "rate limiting enabled",
    "CORS configured correctly",
    "HTTPS enforced",
    "sensitive data encrypted at rest",
)
OWASPS = tuple(f"API{number}" for number in range(1, 11))
NAMED = re.compile(r"`(tests/[\w/]+\.py)`: (`test_\w+`(?:, `test_\w+`)*)")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """The page."""
    return (root / "docs/security.md").read_text()


def test_each_test_that_is_named_is_in_the_file_that_is_named(page: str, root: Path) -> None:
    named = {
        (path, name)
        for path, names in NAMED.findall(page)
        for name in re.findall(r"`(test_\w+)`", names)
    }

    assert len(named) == len(re.findall(r"`test_\w+`", page)) > 20
    missing = [
        (path, name)
        for path, name in named
        if not re.search(rf"^ *def {name}\(", (root / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


@pytest.mark.parametrize("points", [GUIDES, OWASPS])
def test_each_point_is_met_by_a_test_or_by_a_reason(page: str, points: tuple[str, ...]) -> None:
    rows = [row.strip("| ").split(" | ") for row in page.splitlines() if row.startswith("| ")]
    met = {
        point: " ".join(rest)
        for point in points
        for name, *rest in rows
        if re.match(rf"{point}\b", name)
    }

    assert tuple(met) == points
    assert all(met.values())
    without = [point for point, told in met.items() if not NAMED.search(told)]
    assert without == [point for point in points if point == "sensitive data encrypted at rest"]
