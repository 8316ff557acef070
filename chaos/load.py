"""16 clients at once, and what they were told."""

import threading
from typing import Self

from chaos.client import Client, Connect, Sent, Write

CLIENTS = 16


class Load:
    """All clients, from the start of the `with` until its end."""

    def __init__(self, connect: Connect, seed: str) -> None:
        """Prepare.

        Args:
            connect: to the service.
            seed: what is asked, and in which order, follows from it.
        """
        self._enough = threading.Event()
        self.clients = [Client(n, seed, connect, self._enough) for n in range(CLIENTS)]

    def __enter__(self) -> Self:
        """Start."""
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Have each request that is under way asked to its end, and none after it."""
        self._enough.set()
        for client in self.clients:
            client.join()

    @property
    def learners(self) -> list[str]:
        """Whose devices the clients are."""
        return [client.learner for client in self.clients]

    @property
    def sent(self) -> list[Sent]:
        """Every request that was sent so far, in the order of the clients."""
        return [sent for client in self.clients for sent in list(client.sent)]

    @property
    def acknowledged(self) -> list[Write]:
        """What was answered with success."""
        return [write for client in self.clients for write in client.acknowledged]

    @property
    def unanswered(self) -> list[Write]:
        """What failed also in the end: each may be kept once, or not at all."""
        return [write for client in self.clients for write in client.unanswered]

    @property
    def late(self) -> int:
        """How many writes failed to the last repeat, and were sent once more in the end."""
        return sum(client.late for client in self.clients)

    @property
    def broken(self) -> int:
        """How many clients did not come to their end: an answer was not what they can read."""
        return sum(not client.ended for client in self.clients)

    @property
    def false(self) -> list[str]:
        """Answers that contradict what they answer, or an earlier one."""
        return [told for client in self.clients for told in client.false]
