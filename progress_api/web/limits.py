"""Limit the requests of each caller to each endpoint (spec 6.1 to 6.5)."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from progress_api.exceptions import LimitExceeded
from progress_api.signals import Signals

_AWAY_SECONDS = 5.0
_STORE_SECONDS = 0.2
_CLOCKS_DIFFER_SECONDS = 2  # the store has its own clock, and times in it are whole seconds
_log = logging.getLogger("progress_api.limits")
_Result = TypeVar("_Result")


class StoreFailed(Exception):
    """The store of the limits did not respond; the cause is its own error."""


def ask_store(ask: Callable[[], _Result]) -> _Result:
    """Return the response of a store.

    Args:
        ask: calls the store.

    Raises:
        StoreFailed: the call raised any exception.
    """
    try:
        return ask()
    # The store of a host app raises what its client raises: errors of memcached, of the operating
    # system, wrapped errors of limits, classes of the host. `base_exceptions` names only a few.
    except Exception as error:
        raise StoreFailed from error


def storage_options(uri: str) -> dict[str, Any]:
    """Return options with which a shared store delays a request by at most 0.2 s.

    Args:
        uri: the address of the store.
    """
    if uri.startswith("memory:"):
        return {}
    return {"socket_connect_timeout": _STORE_SECONDS, "socket_timeout": _STORE_SECONDS}


class Limits:
    """Counts requests in a shared store, or in this process while the store is down."""

    def __init__(
        self, storage: Storage, limits: Mapping[str, str], mount: str, signals: Signals
    ) -> None:
        """Count in this store.

        Args:
            storage: shared by all workers, or the memory of this process.
            limits: a limit such as "30/minute" by the name of its endpoint; other endpoints have
                no limit.
            mount: separates the counts of several mounts in one store: learners of two databases
                may have the same ids.
            signals: where it is sent that the store is down, or back.
        """
        self._mount = mount
        self._store_changed = signals.limiter_store_changed
        self._items: dict[str, RateLimitItem] = {name: parse(text) for name, text in limits.items()}
        self._shared = FixedWindowRateLimiter(storage)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._away_until = 0.0

    def hit(self, name: str, key: str) -> None:
        """Count one request.

        Args:
            name: of the endpoint.
            key: of the caller.

        Raises:
            LimitExceeded: the caller has reached the limit.
        """
        item = self._items.get(name)
        if item is None:
            return
        reset_time = self._reset_time_if_exceeded(item, self._mount, name, key)
        if reset_time is not None:
            reset_in = max(1, math.ceil(reset_time - time.time()))
            raise LimitExceeded(limit=item.amount, window=str(item), reset_in=reset_in)

    def _reset_time_if_exceeded(self, item: RateLimitItem, *key: str) -> float | None:
        if time.monotonic() >= self._away_until:
            try:
                reset_time = ask_store(lambda: _hit(self._shared, item, *key))
            except StoreFailed as error:
                self._fall_back(error)
            else:
                self._come_back()
                return reset_time
        return _hit(self._own, item, *key)

    def _fall_back(self, error: StoreFailed) -> None:
        # The requests of the next seconds do not wait for the store.
        self._away_until = time.monotonic() + _AWAY_SECONDS
        self._store_changed.send(is_away=True)
        cause = error.__cause__
        # limits wraps the errors of the client of a store where it is configured to.
        kind = type(getattr(cause, "storage_error", cause)).__name__
        _log.warning("limits are counted in this process: %s", kind)

    def _come_back(self) -> None:
        if self._away_until:
            self._away_until = 0.0
            self._store_changed.send(is_away=False)


def _hit(strategy: RateLimiter, item: RateLimitItem, *key: str) -> float | None:
    """Count a request, and return the end of the window if it is full."""
    if strategy.hit(item, "progress", *key):
        return None
    end = float(strategy.get_window_stats(item, "progress", *key).reset_time)
    if end - time.time() <= item.get_expiry() + _CLOCKS_DIFFER_SECONDS:
        return end
    # No window is this long: its clock was set back. End the window now.
    strategy.clear(item, "progress", *key)
    return None if strategy.hit(item, "progress", *key) else end
