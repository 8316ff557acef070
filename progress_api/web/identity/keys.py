"""Which key verifies a token: one that is configured, or a published set that may change."""

import logging
import threading
import time
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from progress_api.exceptions import KeysUnavailable, SettingsError
from progress_api.settings import Settings

_FRESH_SECONDS = 300.0
_RETRY_SECONDS = 1.0
_FETCH_SECONDS = 2.0
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

    Known keys go on verifying while the address fails or hangs; one thread fetches, and unknown
    key ids make it fetch at most once in a second.
    """

    def __init__(self, url: str, algorithm: str) -> None:
        """Fetch nothing yet.

        Args:
            url: the http or https address of the key set.
            algorithm: what tokens are signed with; for no other one is anything fetched.
        """
        self._algorithm = algorithm
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=int(_FETCH_SECONDS))
        self._keys: dict[str | None, Any] = {}
        self._fresh_until = 0.0
        self._next_fetch = 0.0
        self._fetching = threading.Lock()

    def key(self, header: dict[str, Any], _: dict[str, Any] | None = None) -> Any:
        """Return the key that a token names in its header.

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
            return self._keys[name]
        if not self._keys:
            raise KeysUnavailable
        raise jwt.InvalidKeyError("the token names no key of the set")

    def fetched(self) -> float:
        """Return what tells one fetched set from the next; it is fetched again if it is time."""
        if self._keys and time.monotonic() >= self._fresh_until:
            self._refresh(known=True)
        return self._fresh_until

    def _refresh(self, *, known: bool) -> None:
        # Whose key is known does not wait for the fetch of another thread; whose is not, does.
        if not self._fetching.acquire(timeout=0 if known else _FETCH_SECONDS):
            return
        try:
            if time.monotonic() >= self._next_fetch:
                self._fetch()
        finally:
            self._fetching.release()

    def _fetch(self) -> None:
        try:
            found = self._client.get_jwk_set().keys
            keys = {one.key_id: one.key for one in found if one.public_key_use in {"sig", None}}
            # A token that names no key is meant for the only one.
            self._keys = keys | ({None: next(iter(keys.values()))} if len(keys) == 1 else {})
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever is published, known keys stay
            _log.warning("keys were not fetched: %s", type(error).__name__)
        finally:
            self._next_fetch = time.monotonic() + _RETRY_SECONDS
