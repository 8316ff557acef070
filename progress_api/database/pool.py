"""How many connections an engine has, and how many of them are in use."""

import threading
from collections.abc import Callable

from sqlalchemy import Engine, QueuePool, event


def pool_size(engine: Engine) -> int:
    """Return how many connections an engine keeps; 0 where it keeps none.

    Args:
        engine: ours or a host's.
    """
    return engine.pool.size() if isinstance(engine.pool, QueuePool) else 0


class InUse:
    """Tells of each connection that is taken from an engine's pool, and that is given back."""

    def __init__(self, tell: Callable[[int], object]) -> None:
        """Watch nothing yet.

        Args:
            tell: is called with how many more are in use now: 1, or -1.
        """
        self._tell = tell
        self._taken: set[int] = set()
        self._lock = threading.Lock()

    def watch(self, engine: Engine) -> None:
        """Count the connections of this engine.

        Args:
            engine: whose pool it is.
        """
        event.listen(engine, "checkout", self._take)
        for returned in ("checkin", "detach", "invalidate"):
            event.listen(engine, returned, self._give_back)

    def _take(self, _: object, record: object, __: object) -> None:
        with self._lock:
            self._taken.add(id(record))
        self._tell(1)

    def _give_back(self, _: object, record: object, *__: object) -> None:
        # One that is lost is both invalidated and given back.
        with self._lock:
            was_taken = id(record) in self._taken
            self._taken.discard(id(record))
        if was_taken:
            self._tell(-1)
