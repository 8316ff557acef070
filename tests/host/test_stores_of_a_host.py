"""The store of a host's Limiter fails in its own way: our limits are counted in the process."""

from collections.abc import Iterator
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter
from limits.storage import Storage
from sqlalchemy import Engine

from embedded.ports import free_port
from embedded.valkey import Valkey
from progress_api import ProgressAPI
from tests.client import Learner
from tests.conftest import new_name
from tests.host.conftest import learner_of


class CountersAway(Exception):
    """What the client of a host's own store raises."""


class Counters(Storage):
    """Counters behind a port, in a client of the host's; `named` says which errors it names."""

    STORAGE_SCHEME = ["counters"]

    def __init__(
        self, uri: str, *, named: type[Exception], wrapped: bool, wrap_exceptions: bool = False
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._port = int(uri.rpartition(":")[2])
        self._named, self._wrapped = named, wrapped

    @property
    def base_exceptions(self) -> type[Exception]:
        return self._named

    def _ask(self) -> int:
        try:
            create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError as error:
            raise (CountersAway("no counters") if self._wrapped else error) from error
        raise AssertionError("something listens")

    def incr(self, *_: Any, **__: Any) -> int:
        return self._ask()

    def get(self, _: str) -> int:
        return self._ask()

    def get_expiry(self, _: str) -> float:
        return self._ask()

    def check(self) -> bool:
        return False

    def reset(self) -> int | None:
        return self._ask()

    def clear(self, _: str) -> None:
        self._ask()


FAILURES: dict[str, dict[str, Any]] = {
    "its own error": {"named": CountersAway, "wrapped": True},
    "its own error, as limits wraps it": {
        "named": CountersAway,
        "wrapped": True,
        "wrap_exceptions": True,
    },
    "an error that it does not name": {"named": LookupError, "wrapped": True},
    # As pymemcache does: it names MemcacheError, and lets pass what the socket raises.
    "an error of the operating system": {"named": CountersAway, "wrapped": False},
}


def limited(host: Flask, engine: Engine, uri: str, options: dict[str, Any]) -> Learner:
    """A learner of a host whose Limiter has this store."""
    Limiter(lambda: "all", app=host, storage_uri=uri, storage_options=options)
    name = new_name()
    ProgressAPI(host, engine=engine, learner=lambda: name)
    return learner_of(host)


def resets(learner: Learner, times: int) -> list[int]:
    return [learner.reset().status for _ in range(times)]


@pytest.mark.parametrize("options", FAILURES.values(), ids=FAILURES.keys())
def test_a_store_that_fails_stops_nobody_and_limits_hold_in_the_process(
    host: Flask, shared_engine: Engine, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    uri = f"counters://127.0.0.1:{free_port()}"

    learner = limited(host, shared_engine, uri, options)

    assert resets(learner, 6) == [200] * 5 + [429]
    told = [one.getMessage() for one in caplog.records if one.name == "progress_api.limits"]
    kind = "CountersAway" if options["wrapped"] else "ConnectionRefusedError"
    assert told == [f"limits are counted in this process: {kind}"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may stop."""
    with Valkey(tmp_path / "store") as store:
        yield store


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_valkey_that_stops_under_the_hosts_limiter_stops_nobody(
    host: Flask, shared_engine: Engine, store: Valkey, *, wrapped: bool
) -> None:
    learner = limited(host, shared_engine, store.url, {"wrap_exceptions": wrapped})
    assert resets(learner, 5) == [200] * 5

    store.kill()

    assert resets(learner, 6) == [200] * 5 + [429]
