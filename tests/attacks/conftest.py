"""Services to attack: without limits, with the guide's, and with secrets to be had."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from click import echo

from embedded.postgres import Postgres
from embedded.valkey import Valkey
from progress_api.api import API
from tests.conftest import new_database
from tests.serving.service import Serve, Service, services

Tell = Callable[[str, Counter[str]], None]
_LIMITS = {endpoint.limit.upper() for endpoint in API.endpoints if endpoint.limit}


@dataclass(frozen=True)
class Plan:
    """How many requests are generated, and by which chance.

    Without a seed they are the same ones each time.
    """

    count: int
    seed: int | None

    @property
    def of_schemathesis(self) -> int:
        """How many of them at least are its: a quarter, for each takes it three times as long."""
        return self.count // 4


@pytest.fixture(scope="session")
def plan() -> Plan:
    """As `make attack` says in the environment, or a few."""
    if count := os.environ.get("ATTACK_COUNT"):
        return Plan(int(count), int(os.environ["ATTACK_SEED"]))
    return Plan(600, None)


@pytest.fixture(scope="session")
def serve(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, valkey: Valkey
) -> Iterator[Serve]:
    """Start a service of two workers with these settings, on a database of its own."""
    with services(
        partial(tmp_path_factory.mktemp, "service"), partial(new_database, postgres), valkey.url
    ) as start:
        yield start


@pytest.fixture(scope="session")
def attacked(serve: Serve) -> Service:
    """A service whose limits are far away."""
    limits = dict.fromkeys(_LIMITS, "1000000/second")
    return serve(PROGRESS_MAX_CHAPTERS=10000, PROGRESS_MAX_QUIZZES=10000, **limits)


@pytest.fixture(scope="session")
def limited(serve: Serve) -> Service:
    """A service with the guide's limits."""
    return serve()


@pytest.fixture(scope="session")
def behind_two_proxies(serve: Serve) -> Service:
    """A service that trusts the two nearest proxies."""
    return serve(TRUSTED_PROXIES=2)


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
