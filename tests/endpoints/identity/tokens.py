"""Tokens that no library would sign."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode

from tests.client import SECRET, Answer, Learner

FAR = 4102444800  # the year 2100
HS256 = b'{"alg":"HS256","typ":"JWT"}'


def compact(payload: bytes, *, key: bytes = SECRET.encode(), header: bytes = HS256) -> str:
    """Any bytes as header and payload, signed with HMAC-SHA256."""
    signed = f"{_base64(header)}.{_base64(payload)}"
    return f"{signed}.{_base64(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def unsigned(name: str) -> str:
    """A token of the algorithm none."""
    payload = json.dumps({"sub": name, "exp": FAR}).encode()
    header = _base64(b'{"alg":"none"}')
    return f"{header}.{_base64(payload)}."


def ask_with(learner: Learner, encoded: str) -> Answer:
    """Get progress with this token."""
    return learner.send("GET", headers={"Authorization": f"Bearer {encoded}"})


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
