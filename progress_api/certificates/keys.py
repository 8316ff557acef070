"""The keys that sign and verify credentials (spec 14.7, 14.8)."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from progress_api.exceptions import SettingsError

_RSA_BITS = 2048
_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}
_A_PRIVATE_KEY = (
    "CERTIFICATE_PRIVATE_KEY must be an unencrypted private key in PEM: RSA of at least "
    f"{_RSA_BITS} bits, or EC on the curve P-256."
)
_PUBLIC_KEYS = (
    "CERTIFICATE_PREVIOUS_PUBLIC_KEYS must be public keys in PEM, each RSA of at least "
    f"{_RSA_BITS} bits, or EC on the curve P-256."
)
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class SigningKey(NamedTuple):
    """A private key, the algorithm that it signs with, and its public half as a JWK."""

    key: PrivateKey
    algorithm: str
    public_jwk: dict[str, str]


def signing_key(pem: str) -> SigningKey:
    """Return the key that signs credentials.

    Args:
        pem: of the private key.

    Raises:
        SettingsError: the key cannot be used.
    """
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(_A_PRIVATE_KEY) from error
    if not isinstance(key, PrivateKey) or not _is_strong(public := key.public_key()):
        raise SettingsError(_A_PRIVATE_KEY)
    return SigningKey(key, _algorithm(public), _jwk(public))


def published_keys(current: SigningKey | None, previous: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the members of the JWK set, the current key first.

    Args:
        current: signs new credentials; None if none are signed.
        previous: PEMs of the public keys that signed earlier credentials.

    Raises:
        SettingsError: a previous key cannot be used.
    """
    keys = [current.key.public_key()] if current else []
    published = {}
    for key in [*keys, *map(_public_key, previous)]:
        jwk = _jwk(key)
        key_id = thumbprint(jwk)
        published[key_id] = {**jwk, "kid": key_id, "alg": _algorithm(key), "use": "sig"}
    return list(published.values())


def thumbprint(jwk: dict[str, str]) -> str:
    """Return the RFC 7638 thumbprint of a public key.

    Args:
        jwk: with its required members; others are ignored.
    """
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _public_key(pem: str) -> PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(_PUBLIC_KEYS) from error
    if not isinstance(key, PublicKey) or not _is_strong(key):
        raise SettingsError(_PUBLIC_KEYS)
    return key


def _is_strong(key: PublicKey) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _RSA_BITS
    return isinstance(key.curve, ec.SECP256R1)


def _algorithm(key: PublicKey) -> str:
    return "RS256" if isinstance(key, rsa.RSAPublicKey) else "ES256"


def _jwk(key: PublicKey) -> dict[str, str]:
    """Return the required members only: PyJWT adds others that a header must not have."""
    kind: Any = RSAAlgorithm if isinstance(key, rsa.RSAPublicKey) else ECAlgorithm
    jwk: dict[str, str] = kind.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
