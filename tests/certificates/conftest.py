"""Learners with a certificate, and who looks at it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask

from tests.client import PREFIX, Answer, Learner, token
from tests.conftest import MakeLearner, new_name

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PUBLIC_URL = "https://learn.example"


def earn(learner: Learner, body: object = None) -> Any:
    """Complete the tutorial, and return the learner's certificate."""
    learner.complete_chapters(1, of=1)
    assert learner.complete(body).status == 200
    answer = learner.certificate()
    assert answer.status == 200, answer
    return answer.body


def look(app: Flask, certificate_id: str, accept: str | None = None) -> Any:
    """Look at a certificate as anyone may."""
    headers = {} if accept is None else {"Accept": accept}
    return app.test_client().get(f"{PREFIX}/certificates/{certificate_id}", headers=headers)


def change(
    learner: Learner, certificate_id: str, action: str, body: object, scope: object
) -> Answer:
    """Revoke or reinstate a certificate with a token of a scope."""
    headers = {
        "Authorization": f"Bearer {token(learner.name, scope=scope)}",
        "Content-Type": "application/json",
    }
    path = f"{PREFIX}/certificates/{certificate_id}/{action}"
    return learner.transport.send("POST", path, headers, json.dumps(body).encode())


def revoke(learner: Learner, certificate_id: str, reason: str = "Cheated.") -> Answer:
    """Revoke a certificate as an admin."""
    answer = change(learner, certificate_id, "revoke", {"reason": reason}, "progress:admin")
    assert answer.status == 200, answer
    return answer


def private_pem(key: Any) -> str:
    """A private key as an operator gives it."""
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def public_pem(key: Any) -> str:
    """The public half of a private key."""
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


def signing(key: Any, **others: Any) -> Mapping[str, Any]:
    """The settings of a service that signs certificates with a key."""
    return {
        "certificate_private_key": private_pem(key),
        "certificate_issuer_name": "Example Academy",
        "public_url": PUBLIC_URL,
        **others,
    }


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """An RSA key."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    """An EC key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def student(make_learner: MakeLearner) -> Learner:
    """A learner of a tutorial that no other test uses."""
    return make_learner(tutorial=f"tutorial-of-{new_name()}")
