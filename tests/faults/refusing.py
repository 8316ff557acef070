"""A server that speaks enough of PostgreSQL's protocol to refuse every connection."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENCRYPTION_REQUESTS = (80877103, 80877104)  # SSLRequest and GSSENCRequest


@contextmanager
def refusing(code: str, message: str, encoding: str) -> Iterator[int]:
    """While a server refuses with this SQLSTATE and text; its port on 127.0.0.1."""
    fields = {"S": "FATAL", "V": "FATAL", "C": code, "M": message}
    body = b"".join(f"{name}{value}\0".encode(encoding) for name, value in fields.items()) + b"\0"

    class Refusal(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self._startup() in _ENCRYPTION_REQUESTS:
                self.wfile.write(b"N")
            self.wfile.write(b"E" + struct.pack("!I", len(body) + 4) + body)

        def _startup(self) -> int:
            (length,) = struct.unpack("!I", self.rfile.read(4))
            (number,) = struct.unpack("!I", self.rfile.read(length - 4)[:4])
            return int(number)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
