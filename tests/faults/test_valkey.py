"""The store of the limits goes away and comes back: the service goes on."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import Any

import pytest
import valkey

from tests.client import Learner
from tests.faults.conftest import Site
from tests.serving.service import until


@contextmanager
def killed(site: Site) -> Iterator[None]:
    """Without Valkey: connections are refused."""
    site.valkey.kill()
    try:
        yield
    finally:
        site.valkey.start()


@contextmanager
def paused(site: Site) -> Iterator[None]:
    """With a Valkey that takes connections and never answers."""
    site.valkey.pause()
    try:
        yield
    finally:
        site.valkey.resume()


@contextmanager
def full(site: Site) -> Iterator[None]:
    """With a Valkey that refuses to write."""
    _configure(site, "maxmemory", "1")
    try:
        yield
    finally:
        _configure(site, "maxmemory", "0")


ON_FALLBACK = "progress_limiter_on_fallback"
Fault = Callable[[Site], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {"killed": killed, "paused": paused, "full": full}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_service_goes_on_with_limits_in_each_process_and_returns_to_exact_ones(
    site: Site, fault: Fault
) -> None:
    _until_limits_are_exact(site)
    with fault(site):
        learner = site.service.learner()
        posts = [_timed(learner) for _ in range(75)]
        assert site.service.measured()[ON_FALLBACK] == 2  # both workers

    statuses = Counter(status for status, _ in posts)
    assert set(statuses) == {200, 429}
    assert 30 <= statuses[200] <= 60  # each of two workers allows 30
    assert median(seconds for _, seconds in posts) < 0.2  # the delay of a post that waits
    assert max(seconds for _, seconds in posts) < 3
    told = [line for line in site.service.lines() if line["logger"] == "progress_api.limits"]
    assert {line["level"] for line in told} == {"WARNING"}
    assert learner.name not in str(told)
    _until_limits_are_exact(site)
    assert site.service.measured()[ON_FALLBACK] == 0


def test_a_restart_of_valkey_between_requests_is_never_noticed(
    site: Site,
) -> None:
    _until_limits_are_exact(site)

    with killed(site):
        pass

    assert all(site.service.learner().watch().status == 200 for _ in range(20))
    _until_limits_are_exact(site)


def test_a_valkey_that_forgot_its_scripts_is_never_noticed(site: Site) -> None:
    _until_limits_are_exact(site)

    _command(site, "SCRIPT", "FLUSH")

    assert _is_exact(site)


def test_a_valkey_that_drops_all_connections_is_never_noticed(site: Site) -> None:
    _until_limits_are_exact(site)

    _command(site, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    assert _is_exact(site)


def test_a_clock_that_is_set_back_does_not_make_a_minute_an_hour_longer(site: Site) -> None:
    _until_limits_are_exact(site)
    learner = site.service.learner()
    before = [learner.reset().status for _ in range(6)]

    for key in _command(site, "KEYS", "*"):  # what such a clock does to what was to end by it
        _command(site, "EXPIRE", key, "3660")
    after = [learner.reset().status for _ in range(6)]

    assert before == after == [200] * 5 + [429]


def _timed(learner: Learner) -> tuple[int, float]:
    began = time.monotonic()
    status = learner.watch().status
    return status, time.monotonic() - began


def _is_exact(site: Site) -> bool:
    """Whether 6 resets are counted together, 3 of them by each worker."""
    learner, statuses = site.service.learner(), []
    for worker in site.service.workers():
        with site.service.without(worker):
            statuses += [learner.reset().status for _ in range(3)]
    return statuses == [200] * 5 + [429]


def _until_limits_are_exact(site: Site) -> None:
    """Until both workers count in Valkey again; only then are exactly 5 of 6 allowed."""
    until(lambda: _is_exact(site), every=0.5)


def _command(site: Site, *words: str) -> Any:
    path = str(site.valkey.sockets / "valkey.sock")
    with valkey.Valkey(unix_socket_path=path, decode_responses=True) as client:
        return client.execute_command(*words)


def _configure(site: Site, name: str, value: str) -> None:
    _command(site, "CONFIG", "SET", name, value)
