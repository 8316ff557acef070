"""Which key verifies a token: one that is configured, or a published set that may change."""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from http import HTTPStatus
from importlib.metadata import distributions
from typing import Any, TypeVar
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from progress_api.exceptions import KeysUnavailable, SettingsError
from progress_api.settings import Settings

_FRESH_SECONDS = 300.0
_RETRY_SECONDS = 1.0
_FETCH_SECONDS = 2.0
_KNOWN_SECONDS = 0.3
# After so long a fetch is not waited for any more, such as one that a fork has left behind.
_LOST_SECONDS = 10.0
_MOST_BYTES = 2**20
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_Verified = TypeVar("_Verified")
# Which of the keys with the token's id is tried now.
_attempt: ContextVar[int] = ContextVar("progress_api.key_attempt", default=0)
_log = logging.getLogger("progress_api.keys")


def check_public_keys(settings: Settings) -> None:
    """Refuse a public key that verifies nothing, before the first token comes.

    Args:
        settings: which keys there are, and what tokens are signed with.

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
    """The keys of a JWKS address, kept through its outages.

    Known keys go on verifying while the address fails or hangs: it is asked in a thread of its own,
    at most once in a second, and nobody waits for it who need not.
    """

    def __init__(self, url: str, algorithm: str) -> None:
        """Fetch nothing yet.

        Args:
            url: the http or https address of the key set.
            algorithm: what tokens are signed with; for no other one is anything fetched.
        """
        self._url = url
        self._algorithm = algorithm
        self._keys: dict[str | None, list[Any]] = {}
        self._fresh_until = 0.0
        self._next_fetch = 0.0
        self._failing = False
        self._starting = threading.Lock()
        self._ended = threading.Event()

    def key(self, header: dict[str, Any], _: dict[str, Any] | None = None) -> Any:
        """Return the key that a token names in its header; within `verified`, the next such key.

        Args:
            header: the token's, not verified yet.

        Raises:
            jwt.PyJWTError: there is no such key, or the token is signed otherwise.
            KeysUnavailable: no key has ever been fetched.
        """
        if header.get("alg") != self._algorithm:
            raise jwt.InvalidAlgorithmError("the token is signed with another algorithm")
        name = header.get("kid")
        if name not in self._keys or time.monotonic() >= self._fresh_until:
            self._refresh(known=name in self._keys)
        if name in self._keys:
            same_id = self._keys[name]
            return same_id[_attempt.get() % len(same_id)]
        if not self._keys:
            raise KeysUnavailable
        raise jwt.InvalidKeyError("the token names no key of the set")

    def verified(self, verify: Callable[[], _Verified]) -> _Verified:
        """Verify a token with each key of its id, until one has signed it.

        Args:
            verify: verifies the token with the key that `key` returns.

        Raises:
            jwt.InvalidSignatureError: none of the keys has signed it.
        """
        attempt = 0
        while True:
            current = _attempt.set(attempt)
            try:
                return verify()
            except jwt.InvalidSignatureError:
                attempt += 1
                if attempt >= max(map(len, self._keys.values())):
                    raise
            finally:
                _attempt.reset(current)

    def fetched(self) -> float:
        """Return what tells one fetched set from the next; it is fetched again if it is time."""
        if self._keys and time.monotonic() >= self._fresh_until:
            self._refresh(known=True)
        return self._fresh_until

    def _refresh(self, *, known: bool) -> None:
        failing = self._failing
        is_first = self._start()
        # Whoever has no key at all tries once more; else nobody waits for what failed a moment ago.
        if failing and (self._keys or not is_first):
            return
        # For a key that is known one waits, and not long: it may have been withdrawn meanwhile.
        if known and is_first:
            self._ended.wait(_KNOWN_SECONDS)
        if not known and not self._ended.wait(_FETCH_SECONDS):
            self._failing = True  # a head that does not end, a name that is not resolved

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
                raise jwt.PyJWKSetError("there is no key to verify with")  # noqa: TRY301
            self._keys = keys
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
            self._failing = False
        except Exception as error:  # noqa: BLE001 - whatever is published, known keys stay
            self._failing = True
            _log.warning("keys were not fetched: %s", type(error).__name__)
        finally:
            self._next_fetch = time.monotonic() + _RETRY_SECONDS
            self._ended.set()


def _by_id(published: list[dict[str, Any]], algorithm: str) -> dict[str | None, list[Any]]:
    """Return the keys for an algorithm by their ids; other keys count as not published."""
    found: dict[str | None, list[Any]] = defaultdict(list)
    for key_id, key in _fitting(published, algorithm):
        found[key_id].append(key)
    if len(found) == 1:
        # A token that names no key is meant for the only one.
        found[None] = next(iter(found.values()))
    return dict(found)


def _fitting(published: list[dict[str, Any]], algorithm: str) -> Iterator[tuple[str | None, Any]]:
    # One that cannot be read takes none of the others along.
    for one in published:
        with suppress(jwt.PyJWTError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
            if _fits(one, algorithm):
                yield one.get("kid"), jwt.PyJWK(one, algorithm).key


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    """Whether a public key may verify tokens of an algorithm, by RFC 7517 and RFC 7518."""
    operations = key.get("key_ops")
    return (
        key.get("kty") == ("EC" if algorithm in _CURVES else "RSA")
        and (algorithm not in _CURVES or key.get("crv") == _CURVES[algorithm])
        and key.get("alg") in (None, algorithm)
        and key.get("use") in (None, "sig")
        and (operations is None or "verify" in operations)
        and isinstance(key.get("kid"), str | None)
        and "d" not in key  # a private key that is published is anybody's
    )


def _published(url: str) -> list[dict[str, Any]]:
    """Ask for the set; what is elsewhere, too long, or comes too slowly, is none."""
    body, ends = b"", time.monotonic() + _FETCH_SECONDS
    with _opener.open(url, timeout=_FETCH_SECONDS) as response:
        if response.status != HTTPStatus.OK:
            raise ValueError(response.status)
        while part := response.read1():
            body += part
            if len(body) > _MOST_BYTES or time.monotonic() > ends:
                raise ValueError(len(body))
    found: list[dict[str, Any]] = json.loads(body)["keys"]
    return found


def _product() -> str:
    found = next(iter(distributions(name="progress-api")), None)
    return f"progress-api/{found.version}" if found else "progress-api"


# It follows no redirection, and opens no file.
_opener = OpenerDirector()
# Many servers refuse urllib's own name.
_opener.addheaders = [
    ("User-Agent", _product()),
    ("Accept", "application/jwk-set+json, application/json"),
]
for _handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
    _opener.add_handler(_handler)
