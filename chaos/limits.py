"""Whether a limit is exact, however a learner's requests are spread over the services."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException
from itertools import count
from typing import Self

from chaos.client import PREFIX, Connect, learner_headers

ALLOWED = 5  # RATELIMIT_COMPLETE by default, in a minute
_REQUESTS, _CONNECTIONS = 12, 4
_PAUSE_SECONDS = 0.5
# A new learner has nothing that could be complete.
_ACCEPTED, _REFUSED = 404, 429
_numbers = count()


class LimitProbe(threading.Thread):
    """New learners who each ask for more than they may, one after another.

    A post is not sent to a second service by nginx, so each is counted once at most.

    Attributes:
        exact: how many learners were allowed as many requests as the limit says.
        interrupted: how many had requests without a response, and may have been allowed as many.
        wrong: a text for each of the others.
    """

    def __init__(self, connect: Connect) -> None:
        """Prepare; the `with` runs it.

        Args:
            connect: returns a connection to any of the services.
        """
        super().__init__(daemon=True)
        self.exact, self.interrupted = 0, 0
        self.wrong: list[str] = []
        self._connect, self._stopping = connect, threading.Event()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """Ask until stopped."""
        while not self._stopping.is_set():
            self.ask()
            self._stopping.wait(_PAUSE_SECONDS)

    def ask(self) -> bool:
        """Ask as a new learner, and return whether the limit was exact."""
        learner = f"limited-{next(_numbers)}"
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            statuses = list(pool.map(self._status, [learner_headers(learner)] * _REQUESTS))
        accepted, refused = statuses.count(_ACCEPTED), statuses.count(_REFUSED)
        if accepted == ALLOWED and accepted + refused == _REQUESTS:
            self.exact += 1
            return True
        if accepted <= ALLOWED <= _REQUESTS - refused:
            self.interrupted += 1
        else:
            self.wrong.append(f"{learner} was allowed {accepted} requests and refused {refused}")
        return False

    def _status(self, headers: Mapping[str, str]) -> int:
        try:
            with closing(self._connect()) as connection:
                connection.request("POST", f"{PREFIX}/intro/complete", b"{}", dict(headers))
                return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
