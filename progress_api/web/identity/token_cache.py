"""Tokens that were verified within the last minutes need not be verified again."""

import hashlib
import time
from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from flask import Flask, request

from progress_api.web.identity.callers import Caller
from progress_api.web.identity.keys import PublishedKeys

_SECONDS = 300
_MOST_TOKENS = 10_000


class VerifiedToken(NamedTuple):
    """Who holds a token, and when it ends, in seconds since 1970."""

    caller: Caller
    end: float


class TokenCache:
    """Remembers whom tokens are of: 10,000 of them, each 5 minutes at most, never past its end.

    Only tokens that verify are remembered, by their digest, and only while the manager verifies as
    it was set up: with a setting or a callback that was changed since (a key, a blocklist), each
    token is verified each time. What published keys verified is forgotten when they are fetched.
    """

    def __init__(
        self,
        app: Flask,
        verify: Callable[[], VerifiedToken],
        verify_at_once: Callable[[], VerifiedToken],
        keys: PublishedKeys | None,
    ) -> None:
        """Remember nothing yet.

        Args:
            app: one of our own with a JWTManager, set up.
            verify: verifies the token of the current request by the manager, and raises where
                it is none.
            verify_at_once: does so faster, while the manager verifies as it was set up.
            keys: what verifies, where it may change by itself.
        """
        self._config = app.config
        self._settings = itemgetter(*(name for name in app.config if name.startswith("JWT_")))
        self._manager = app.extensions["flask-jwt-extended"]
        # Deep: a list of settings may be changed in its place.
        self._as_set_up = deepcopy(self._settings(app.config)), dict(vars(self._manager))
        self._verify = verify
        self._keys = keys
        # What it is called with is only the key: the token is that of the current request.
        self._remembered = lru_cache(_MOST_TOKENS)(lambda *_: verify_at_once())

    def verified(self) -> VerifiedToken:
        """Return whom the token of the current request is of; raise what verifying it raises."""
        sent = request.headers.get("Authorization")
        if not sent or self._as_set_up != (self._settings(self._config), vars(self._manager)):
            return self._verify()
        digest = hashlib.sha256(sent.encode()).digest()
        fetched = self._keys.fetched() if self._keys else None
        known = self._remembered(digest, fetched, time.monotonic() // _SECONDS)
        return known if time.time() < known.end else self._verify()
