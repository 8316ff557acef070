"""A service that may be asked as often as one likes, and how often it is."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click import echo

from embedded.postgres import Postgres
from embedded.valkey import Valkey
from tests.conftest import new_database
from tests.serving.service import Service

Tell = Callable[[str, Counter[str]], None]
_LIMITED = ("GET", "CHAPTER", "QUIZ", "COMPLETE", "RESET")


@dataclass(frozen=True)
class Plan:
    """How many requests are generated, half of them by Schemathesis, and by which chance.

    Without a seed they are the same ones each time.
    """

    count: int
    seed: int | None


@pytest.fixture(scope="session")
def plan() -> Plan:
    """As `make attack` says in the environment, or a few."""
    if count := os.environ.get("ATTACK_COUNT"):
        return Plan(int(count), int(os.environ["ATTACK_SEED"]))
    return Plan(600, None)


@pytest.fixture(scope="session")
def attacked(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, valkey: Valkey
) -> Iterator[Service]:
    """A service whose limits are far away, on a database of its own."""
    settings = {f"RATELIMIT_{name}": "1000000/second" for name in _LIMITED}
    directory = tmp_path_factory.mktemp("attacked")
    with Service(
        directory,
        DATABASE_URL=new_database(postgres),
        RATELIMIT_STORAGE_URI=valkey.url,
        PROGRESS_MAX_CHAPTERS=10000,
        PROGRESS_MAX_QUIZZES=10000,
        **settings,
    ) as service:
        yield service


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Say how many requests were sent by whom, and how they were answered."""

    def say(sender: str, answered: Counter[str]) -> None:
        by_status = ", ".join(f"{status}: {n:,}" for status, n in sorted(answered.items()))
        with capsys.disabled():
            echo(f"\n{sender} sent {answered.total():,} requests, which were answered {by_status}")

    return say


@pytest.fixture(scope="session")
def document(root: Path) -> Path:
    """The description of the API, as it is in the repository."""
    return root / "docs/openapi.json"
