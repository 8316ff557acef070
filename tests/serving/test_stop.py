"""Connections that come while the service stops."""

import signal
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

from tests.serving.service import Service, Wire


def test_while_the_service_stops_a_new_connection_is_answered_or_refused_and_never_reset(
    tmp_path: Path, shared_database: str
) -> None:
    """A proxy may send a request to another server if it was refused, not if it was reset."""
    with (
        Service(tmp_path, DATABASE_URL=shared_database) as service,
        closing(HTTPConnection("127.0.0.1", service.port, timeout=30)) as kept,
    ):
        # A kept connection, for which a worker that stops waits for a moment.
        kept.request("GET", "/healthz")
        kept.getresponse().read()

        service.signal(signal.SIGTERM)
        with suppress(ConnectionRefusedError):
            while True:
                assert Wire(service).send("GET", "/healthz").status == 200

        assert service.process.wait(30) == 0
