"""The five limits of the guide, counted in the shared store, or here while it is away."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from progress_api.exceptions import LimitExceeded

_AWAY_SECONDS = 5.0
_STORE_SECONDS = 0.2
_CLOCKS_DIFFER_SECONDS = 2  # times are whole seconds in the store, and its clock is its own
_log = logging.getLogger("progress_api.limits")
_Found = TypeVar("_Found")


class StoreFailed(Exception):
    """The store of the limits did not answer; the cause is its own error."""


def ask_store(ask: Callable[[], _Found]) -> _Found:
    """Return what a store answers.

    Args:
        ask: calls the store.

    Raises:
        StoreFailed: whatever went wrong.
    """
    try:
        return ask()
    # A host's store raises what its client raises: errors of memcached, of the operating system,
    # those that limits wraps, or of a class of the host's. `base_exceptions` names a few of them.
    except Exception as error:
        raise StoreFailed from error


def storage_options(uri: str) -> dict[str, Any]:
    """Return what a shared store is opened with: it may slow a request by 0.2 s, no more.

    Args:
        uri: the store's address.
    """
    if uri.startswith("memory:"):
        return {}
    return {"socket_connect_timeout": _STORE_SECONDS, "socket_timeout": _STORE_SECONDS}


class Limits:
    """What each caller may still ask for, per endpoint."""

    def __init__(
        self,
        storage: Storage,
        limits: Mapping[str, str],
        mount: str,
        falling_back: Callable[[bool], object] = bool,
    ) -> None:
        """Count in this store.

        Args:
            storage: shared by all workers, or this process's memory.
            limits: for each endpoint's name a limit such as "30/minute"; an endpoint without
                one is not limited.
            mount: where in the app; counted apart from others in the same store, for learners of
                two databases may have the same ids.
            falling_back: is told when the store goes away, and when it is back.
        """
        self._mount = mount
        self._falling_back = falling_back
        self._items: dict[str, RateLimitItem] = {name: parse(text) for name, text in limits.items()}
        self._shared = FixedWindowRateLimiter(storage)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._away_until = 0.0

    def spend(self, name: str, key: str) -> None:
        """Count one request.

        Args:
            name: the endpoint's.
            key: whose allowance it is.

        Raises:
            LimitExceeded: it was used up.
        """
        item = self._items.get(name)
        if item is None:
            return
        reset_time = self._reset_time_if_refused(item, self._mount, name, key)
        if reset_time is not None:
            reset_in = max(1, math.ceil(reset_time - time.time()))
            raise LimitExceeded(limit=item.amount, window=str(item), reset_in=reset_in)

    def _reset_time_if_refused(self, item: RateLimitItem, *key: str) -> float | None:
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
        # Who comes within the next seconds does not wait for it.
        self._away_until = time.monotonic() + _AWAY_SECONDS
        self._falling_back(True)
        cause = error.__cause__
        # limits wraps the errors of a store's client where it is asked to.
        kind = type(getattr(cause, "storage_error", cause)).__name__
        _log.warning("limits are counted in this process: %s", kind)

    def _come_back(self) -> None:
        if self._away_until:
            self._away_until = 0.0
            self._falling_back(False)


def _hit(strategy: RateLimiter, item: RateLimitItem, *key: str) -> float | None:
    """Count, and return when the window ends if it is full."""
    if strategy.hit(item, "progress", *key):
        return None
    end = float(strategy.get_window_stats(item, "progress", *key).reset_time)
    if end - time.time() <= item.get_expiry() + _CLOCKS_DIFFER_SECONDS:
        return end
    # No window is so long: the clock that it is kept by was set back. It ends here.
    strategy.clear(item, "progress", *key)
    return None if strategy.hit(item, "progress", *key) else end
