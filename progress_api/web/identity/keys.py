"""The keys that verify tokens: configured public keys, and key sets published at an address."""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from progress_api.exceptions import KeysUnavailable, SettingsError
from progress_api.settings import Settings
from progress_api.version import VERSION

_FRESH_SECONDS = 300.0
_RETRY_SECONDS = 1.0
_FETCH_SECONDS = 2.0
_KNOWN_SECONDS = 0.3
# A fetch older than this is considered lost, e.g. when its thread did not survive a fork.
_LOST_SECONDS = 10.0
_MOST_BYTES = 2**20
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_log = logging.getLogger("progress_api.keys")


def check_public_keys(settings: Settings) -> None:
    """Reject a configured public key that does not fit the algorithm, before the first token.

    Args:
        settings: the keys and the algorithm.

    Raises:
        SettingsError: naming the setting.
    """
    algorithm = settings.jwt_algorithm
    for name in ("jwt_public_key", "jwt_previous_public_key"):
        if not (pem := getattr(settings, name)):
            continue
        try:
            jwt.get_algorithm_by_name(algorithm).prepare_key(pem)
        except (jwt.PyJWTError, TypeError, ValueError, UnsupportedAlgorithm) as error:
            needed = f"{name.upper()} must be a public key in PEM that is one for {algorithm}."
            raise SettingsError(needed) from error


class PublishedKeys:
    """The keys of a JWKS address, kept while the address is down (spec 4.14, 4.15).

    A background thread fetches them, at most once a second. Known keys verify tokens while a fetch
    fails or hangs. Only a request whose key is unknown waits for a fetch.
    """

    def __init__(self, url: str, algorithm: str) -> None:
        """Prepare; the first token causes the first fetch.

        Args:
            url: the http or https address of the key set.
            algorithm: the algorithm of tokens; keys that do not fit it are ignored.
        """
        self._url = url
        self._algorithm = algorithm
        self._keys: dict[str | None, list[Any]] = {}
        self._fresh_until = 0.0
        self._next_fetch = 0.0
        self._failing = False
        self._starting = threading.Lock()
        self._ended = threading.Event()

    def keys(self, header: dict[str, Any]) -> list[Any]:
        """Return the keys that may have signed a token; several may share one `kid`.

        Args:
            header: the header of the token, not verified yet.

        Raises:
            jwt.PyJWTError: its `kid` is unknown, or the token is signed with another algorithm.
            KeysUnavailable: no key has ever been fetched.
        """
        if header.get("alg") != self._algorithm:
            raise jwt.InvalidAlgorithmError("the token is signed with another algorithm")
        key_id = header.get("kid")
        if key_id not in self._keys or time.monotonic() >= self._fresh_until:
            self._refresh(known=key_id in self._keys)
        if key_id in self._keys:
            return self._keys[key_id]
        if not self._keys:
            raise KeysUnavailable
        raise jwt.InvalidKeyError("the token names no key of the set")

    def fetched(self) -> float:
        """Return a number that changes with each fetched set; fetch again when the set is old."""
        if self._keys and time.monotonic() >= self._fresh_until:
            self._refresh(known=True)
        return self._fresh_until

    def _refresh(self, *, known: bool) -> None:
        failing = self._failing
        is_first = self._start()
        # Do not wait for an address that failed a moment ago, unless no key is known at all.
        if failing and (self._keys or not is_first):
            return
        # The known key may have been withdrawn, so wait a moment for the new set.
        if known and is_first:
            self._ended.wait(_KNOWN_SECONDS)
        if not known and not self._ended.wait(_FETCH_SECONDS):
            self._failing = True  # a response that does not end, a name that does not resolve

    def _start(self) -> bool:
        with self._starting:
            if time.monotonic() < self._next_fetch:
                return False
            self._next_fetch = time.monotonic() + _LOST_SECONDS
            self._ended.clear()
        threading.Thread(target=self._fetch, name="progress-keys", daemon=True).start()
        return True

    def _fetch(self) -> None:
        try:
            keys = _by_id(_published(self._url), self._algorithm)
            if not keys:
                raise jwt.PyJWKSetError("the set has no fitting key")  # noqa: TRY301
            self._keys = keys
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
            self._failing = False
        except Exception as error:  # noqa: BLE001 - known keys stay, whatever the address returns
            self._failing = True
            _log.warning("keys were not fetched: %s", type(error).__name__)
        finally:
            self._next_fetch = time.monotonic() + _RETRY_SECONDS
            self._ended.set()


def _by_id(published: list[dict[str, Any]], algorithm: str) -> dict[str | None, list[Any]]:
    """Return the keys for an algorithm by their ids; other keys count as not published."""
    keys: dict[str | None, list[Any]] = defaultdict(list)
    for key_id, key in _fitting(published, algorithm):
        keys[key_id].append(key)
    if len(keys) == 1:
        # A token without `kid` is verified with the only key.
        keys[None] = next(iter(keys.values()))
    return dict(keys)


def _fitting(published: list[dict[str, Any]], algorithm: str) -> Iterator[tuple[str | None, Any]]:
    # A key that cannot be read does not affect the others.
    for key in published:
        with suppress(jwt.PyJWTError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
            if _fits(key, algorithm):
                yield key.get("kid"), jwt.PyJWK(key, algorithm).key


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    """Return whether a public key may verify tokens of an algorithm (RFC 7517, RFC 7518)."""
    operations = key.get("key_ops")
    return (
        key.get("kty") == ("EC" if algorithm in _CURVES else "RSA")
        and (algorithm not in _CURVES or key.get("crv") == _CURVES[algorithm])
        and key.get("alg") in (None, algorithm)
        and key.get("use") in (None, "sig")
        and (operations is None or "verify" in operations)
        and isinstance(key.get("kid"), str | None)
        and "d" not in key  # anyone can sign with a published private key
    )


def _published(url: str) -> list[dict[str, Any]]:
    """Fetch the set; reject a redirect, more than 1 MiB, and more than 2 seconds."""
    body, ends = b"", time.monotonic() + _FETCH_SECONDS
    with _opener.open(url, timeout=_FETCH_SECONDS) as response:
        if response.status != HTTPStatus.OK:
            raise ValueError(response.status)
        while part := response.read1():
            body += part
            if len(body) > _MOST_BYTES or time.monotonic() > ends:
                raise ValueError(len(body))
    keys: list[dict[str, Any]] = json.loads(body)["keys"]
    return keys


# It follows no redirect and opens no file.
_opener = OpenerDirector()
# Many servers reject urllib's default User-Agent.
_opener.addheaders = [
    ("User-Agent", f"progress-api/{VERSION}"),
    ("Accept", "application/jwk-set+json, application/json"),
]
for _handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
    _opener.add_handler(_handler)
