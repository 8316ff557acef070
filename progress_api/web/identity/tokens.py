"""Identify the caller by a token that PyJWT verifies with the settings (spec 4.1 to 4.17)."""

import hashlib
import re
import time
from contextlib import suppress
from functools import lru_cache, partial
from hmac import compare_digest
from typing import Any, NamedTuple

import jwt
from flask import has_request_context, request
from flask_jwt_extended import exceptions as extended

from progress_api.settings import Settings, check_keys
from progress_api.web.identity.callers import Anonymous, Caller, caller_from, scopes_of
from progress_api.web.identity.keys import PublishedKeys, check_public_keys
from progress_api.web.identity.rejections import REJECTIONS, anonymous

_MAX_TOKENS = 10_000
_MAX_SECONDS = 300
# What follows the scheme, which has no case and may be one of several (RFC 9110).
_BEARER = re.compile(r"(?:^|,)\s*bearer(?=[\s,]|$)([^,]*)", re.IGNORECASE)
_COOKIE = "access_token_cookie"
_CSRF_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class VerifiedToken(NamedTuple):
    """The caller of a token, its `exp` in seconds since 1970, and its `csrf` claim."""

    caller: Caller
    exp: int
    csrf: object


class TokenIdentity:
    """Identifies the caller by a token.

    The caller of each verified token is cached under the token's SHA-256: up to 10,000 tokens, for
    5 minutes or until `exp`, or until published keys are fetched again (spec 4.17).
    """

    def __init__(self, settings: Settings) -> None:
        """Verify with the keys of the settings.

        Raises:
            SettingsError: a key is missing or does not fit the algorithm.
        """
        check_keys(settings)
        check_public_keys(settings)
        self.token_locations = settings.jwt_token_location
        self.published_keys: PublishedKeys | None = None
        if settings.jwt_jwks_url:
            self.published_keys = PublishedKeys(settings.jwt_jwks_url, settings.jwt_algorithm)
        self._algorithm = settings.jwt_algorithm
        self._keys = _keys(settings)
        self._decode = partial(
            jwt.decode,
            algorithms=[settings.jwt_algorithm],
            audience=settings.jwt_decode_audience,
            issuer=settings.jwt_decode_issuer,
            leeway=settings.jwt_decode_leeway,
            options={"require": ["exp"], "verify_aud": settings.jwt_decode_audience is not None},
        )
        self._caller_from = partial(
            caller_from,
            identity_claim=settings.jwt_identity_claim,
            scopes=scopes_of(settings),
        )
        # The arguments are only the key of the cache. The token is read from the request again, so
        # that the cache does not keep it.
        self._cached = lru_cache(_MAX_TOKENS)(lambda *_: self._verify(self._token()[0]))

    def identify(self) -> Caller | Anonymous:
        """Return the caller that the token of the current request names, or an anonymous one."""
        try:
            token, location = self._token()
            digest = hashlib.sha256(token.encode()).digest()
            fetched = self.published_keys.fetched() if self.published_keys else None
            verified = self._cached(digest, fetched, time.monotonic() // _MAX_SECONDS)
            if time.time() >= verified.exp:
                verified = self._verify(token)
            if location == "cookies" and request.method in _CSRF_METHODS:
                _check_csrf(verified.csrf)
        except REJECTIONS as error:
            return anonymous(error)
        return verified.caller

    def _token(self) -> tuple[str, str]:
        """Return the token of the current request, and where it was found."""
        for location in self.token_locations:
            token = _bearer() if location == "headers" else request.cookies.get(_COOKIE)
            if token:
                return token, location
        raise extended.NoAuthorizationError

    def _verify(self, token: str) -> VerifiedToken:
        claims = self._claims(token)
        if claims.get("type") == "refresh":
            raise extended.WrongTokenError
        return VerifiedToken(self._caller_from(claims), int(claims["exp"]), claims.get("csrf"))

    def key(self, header: dict[str, Any]) -> Any:
        """Return the key that signed the request's token, as `decode_key_loader` wants one key.

        Args:
            header: the header of the token, not verified yet.
        """
        keys = self._keys_for(header)
        if len(keys) > 1 and has_request_context():
            with suppress(*REJECTIONS):
                token = self._token()[0]
                return next(filter(partial(self._is_signed, token), keys), keys[0])
        return keys[0]

    def _is_signed(self, token: str, key: Any) -> bool:
        with suppress(jwt.InvalidSignatureError):
            jwt.PyJWS().decode(token, key, algorithms=[self._algorithm])
            return True
        return False

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._keys_for(jwt.get_unverified_header(token)):
            with suppress(jwt.InvalidSignatureError):
                return self._decode(token, key)
        raise jwt.InvalidSignatureError

    def _keys_for(self, header: dict[str, Any]) -> list[Any]:
        return self.published_keys.keys(header) if self.published_keys else self._keys


def _keys(settings: Settings) -> list[str]:
    """Return the key and, while it is replaced, the previous one (spec 4.16)."""
    kind = "secret" if settings.jwt_algorithm.startswith("HS") else "public"
    names = (f"jwt_{kind}_key", f"jwt_previous_{kind}_key")
    return [key for name in names if (key := getattr(settings, name))]


def _bearer() -> str | None:
    """Return the token of the Authorization header, if it has one."""
    credentials = _BEARER.findall(request.environ.get("HTTP_AUTHORIZATION", ""))
    if not credentials:
        return None
    words = ", ".join(credentials).split()
    if len(words) != 1:
        raise extended.InvalidHeaderError
    return words[0]


def _check_csrf(claim: object) -> None:
    """Reject a change from a page that cannot read the `csrf` of the token (spec 4.13)."""
    header = request.headers.get("X-CSRF-TOKEN", "")
    if not isinstance(claim, str) or not compare_digest(claim.encode(), header.encode()):
        raise extended.CSRFError
