"""Key pairs, and an address that publishes keys."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.endpoints.identity.tokens import FAR


@dataclass(frozen=True)
class KeyPair:
    """A private key that signs, and its public key, in PEM and as a JWK."""

    algorithm: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    public: str
    jwk: Mapping[str, Any]

    def sign(self, name: str, key_id: str | None = None, *, exp: int = FAR, **headers: Any) -> str:
        """A learner's token, with the key's id and more in its header if given."""
        named = {} if key_id is None else {"kid": key_id}
        claims = {"sub": name, "exp": exp}
        return jwt.encode(claims, self.private, self.algorithm, named | headers)


def new_key_pair(algorithm: str) -> KeyPair:
    """Make a key pair for RS256 or ES256."""
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "RS256":
        private = rsa.generate_private_key(65537, 2048)
        jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        private = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(algorithm, private, public.decode(), jwk)


class KeyServer:
    """Publishes keys over HTTP; `answer` is what it sends next, to the byte."""

    def __init__(self, url: str) -> None:
        """Publish nothing yet."""
        self.url = url
        self.answer = b""
        self.endless: bytes | None = None
        self.asked = 0
        self.connected = 0
        self.headers: Mapping[str, str] = {}
        self._closed = threading.Event()

    def publish(self, **pairs: KeyPair) -> None:
        """Publish these keys, each under its id."""
        self.publish_set([{**pair.jwk, "kid": name, "use": "sig"} for name, pair in pairs.items()])

    def publish_set(self, keys: Sequence[Mapping[str, Any]]) -> None:
        """Publish these keys in this order, as they are."""
        self.send("200 OK", "application/json", json.dumps({"keys": keys}).encode())

    def send(self, status: str, content_type: str, body: bytes, length: int | None = None) -> None:
        """Send this from now on."""
        self.endless = None
        length = len(body) if length is None else length
        head = (
            f"HTTP/1.0 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        )
        self.answer = head.encode() + body

    def hang(self, part: bytes, *, in_head: bool = False) -> None:
        """Answer with this again and again, or with nothing at all, until it is closed."""
        self.send("200 OK", "application/json", b"", length=2**30)
        self.answer = self.answer if part else b""
        if in_head:
            self.answer = b"HTTP/1.0 200 OK\r\nX-Long: "
        self.endless = part

    def serve(self, headers: Mapping[str, str], connection: BufferedIOBase) -> None:
        """Answer one request."""
        self.asked += 1
        self.headers = headers
        with suppress(OSError):
            connection.write(self.answer)
            connection.flush()
            while self.endless is not None and not self._closed.wait(0.02):
                connection.write(self.endless)

    def close(self) -> None:
        """Let everyone go who still waits."""
        self._closed.set()


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Listen on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            server.connected += 1
            super().setup()

        def do_GET(self) -> None:
            server.serve(dict(self.headers.items()), self.wfile)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = KeyServer(f"http://127.0.0.1:{http.server_port}/keys.json")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.close()
        http.shutdown()
        thread.join()
