"""A service that verifies with published keys, and who publishes them."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.client import Learner
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.identity.keys import KeyPair, KeyServer, key_server, new_key_pair

PassTime = Callable[[float], None]


@pytest.fixture(scope="session")
def pairs() -> dict[str, KeyPair]:
    """Key pairs, made once: it takes long."""
    return {
        "old": new_key_pair("RS256"),
        "new": new_key_pair("RS256"),
        "ES256": new_key_pair("ES256"),
    }


@pytest.fixture
def server() -> Iterator[KeyServer]:
    """An address that publishes keys."""
    with key_server() as server:
        yield server


@pytest.fixture
def published(make_app: MakeApp, make_learner: MakeLearner, server: KeyServer) -> Learner:
    """A learner of a service that verifies with published keys."""
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": server.url}
    return make_learner(make_app(**settings))


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> PassTime:
    """Let seconds go by without waiting for them: the process's clock is set forward."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(passed))
    return passed.append
