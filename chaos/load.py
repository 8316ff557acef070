"""The load: 16 clients at once, and the responses that they got."""

import threading
from typing import Self

from chaos.client import Client, Connect, SentRequest, Write

CLIENTS = 16


class Load:
    """All clients; they run during the `with`."""

    def __init__(self, connect: Connect, seed: str, client: type[Client] = Client) -> None:
        """Prepare the clients.

        Args:
            connect: returns a connection to the service.
            seed: determines what the clients send, and in which order.
            client: what each client is.
        """
        self._stopping = threading.Event()
        self.clients = [client(n, seed, connect, self._stopping) for n in range(CLIENTS)]

    def __enter__(self) -> Self:
        """Start the clients."""
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the clients."""
        self.stop()

    def stop(self) -> None:
        """Stop the clients; wait for their open requests and for the writes that failed before."""
        self._stopping.set()
        for client in self.clients:
            client.join()

    @property
    def learners(self) -> list[str]:
        """The learner of each client."""
        return [client.learner for client in self.clients]

    @property
    def requests(self) -> list[SentRequest]:
        """All requests so far, client by client."""
        return [request for client in self.clients for request in list(client.requests)]

    @property
    def count(self) -> int:
        """How many requests there were so far."""
        return sum(len(client.requests) for client in self.clients)

    @property
    def acknowledged(self) -> list[Write]:
        """The writes with a successful response."""
        return [write for client in self.clients for write in client.acknowledged]

    @property
    def unanswered(self) -> list[Write]:
        """The writes that failed at the end too: each may be stored once, or not at all."""
        return [write for client in self.clients for write in client.unanswered]

    @property
    def postponed(self) -> int:
        """The number of writes whose repeats all failed, and that were sent again at the end."""
        return sum(client.postponed for client in self.clients)

    @property
    def crashed(self) -> int:
        """The number of clients that ended with an exception, because of an unexpected response."""
        return sum(not client.ended for client in self.clients)

    @property
    def contradictions(self) -> list[str]:
        """Responses that contradict their request or an earlier response."""
        return [text for client in self.clients for text in client.contradictions]
