"""The locks: what is deployed alone, in the versions that are tested."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Name, version, marker; then its hashes.
PIN = re.compile(
    r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)(?: ; (.*?))? \\\n((?:    --hash=.*\n)+)", re.MULTILINE
)


@pytest.fixture(scope="module")
def deployed(root: Path) -> str:
    return (root / "requirements-serve.lock").read_text()


def test_what_is_deployed_is_what_is_tested_to_the_byte(deployed: str, root: Path) -> None:
    tested = _pins((root / "requirements.lock").read_text())

    pins = _pins(deployed)

    assert pins
    assert {name: tested[name] for name in pins} == pins


def test_every_line_of_it_is_a_pin_and_no_address_is_in_it(deployed: str) -> None:
    lines = [
        line for line in PIN.sub("", deployed).splitlines() if not line.strip().startswith("#")
    ]

    assert lines == []
    assert "://" not in deployed
    assert "--index" not in deployed


def test_it_is_all_that_the_service_needs_and_nothing_else(deployed: str) -> None:
    locked = {
        name
        for name, _, marker, _ in PIN.findall(deployed)
        if not marker or Marker(marker).evaluate()
    }

    assert locked == _needed() - {"progress-api"}
    assert {"gunicorn", "valkey", "libvalkey", "cryptography"} <= locked


def _pins(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    return {
        name: (version, frozenset(re.findall(r"--hash=(\S+)", hashes)))
        for name, version, _, hashes in PIN.findall(lock)
    }


def _needed() -> set[str]:
    """What the service needs on this Python, and what that needs."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement("progress-api")]
    while waiting:
        one = waiting.pop()
        if (key := (canonicalize_name(one.name), frozenset(one.extras))) not in found:
            found.add(key)
            needs = map(Requirement, requires(one.name) or ())
            waiting += [need for need in needs if _is_needed(need, one.extras)]
    return {name for name, _ in found}


def _is_needed(need: Requirement, extras: set[str]) -> bool:
    return not need.marker or any(need.marker.evaluate({"extra": one}) for one in ("", *extras))
