"""From a token to who holds it, by a JWTManager: the app's, or one of our own beside it."""

import logging
import math
import traceback
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import jwt
from flask import Flask, request
from flask_jwt_extended import JWTManager, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError

from progress_api.exceptions import KeysUnavailable, Unauthenticated
from progress_api.settings import Settings, check_keys
from progress_api.validation import is_id
from progress_api.web.identity.callers import Anonymous, Caller
from progress_api.web.identity.decoder import Decoder
from progress_api.web.identity.keys import PublishedKeys, check_public_keys
from progress_api.web.identity.token_cache import TokenCache, VerifiedToken

# A header or a token may hold anything: what the libraries raise for the strangest of them are
# no errors of their own (IndexError for "Authorization: , ,x", RecursionError for deep JSON).
_REFUSALS = (
    jwt.PyJWTError,
    JWTExtendedException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
_JWT_SETTINGS = (
    "JWT_ALGORITHM",
    "JWT_SECRET_KEY",
    "JWT_PUBLIC_KEY",
    "JWT_DECODE_AUDIENCE",
    "JWT_DECODE_ISSUER",
    "JWT_DECODE_LEEWAY",
    "JWT_IDENTITY_CLAIM",
)
_log = logging.getLogger("progress_api.identity")
# Where an app of our own keeps the published keys that it verifies with; None where it has one key.
_OURS = "progress_api.keys"
_ENDLESS = "The token has no end; it needs the claim exp."
_EXPIRED = "The token has expired; sign in again."


class TokenIdentity:
    """Tells who calls, by the JWTManager of an app."""

    def __init__(self, app: Flask, *, admin_scope: str, beside: bool = False) -> None:
        """Verify as this app does.

        Args:
            app: one with a JWTManager.
            admin_scope: the scope that may act for every learner.
            beside: whether the app only holds the manager, and another one serves the requests.
        """
        self._beside = app if beside else None
        self._identity_claim: str = app.config["JWT_IDENTITY_CLAIM"]
        # An app may issue tokens without an end, and say so.
        self._endless = app.config["JWT_ACCESS_TOKEN_EXPIRES"] is False
        self._admin_scope = admin_scope
        told = app.config["JWT_TOKEN_LOCATION"]
        self.token_locations: tuple[str, ...] = (told,) if isinstance(told, str) else tuple(told)
        self._keys: PublishedKeys | None = app.extensions.get(_OURS)
        self._verified = self._verify
        # A host's manager may ask more than the token itself; a cookie, more than its text.
        if _OURS in app.extensions and app.config["JWT_TOKEN_LOCATION"] == ["headers"]:
            at_once = partial(self._verify_at_once, Decoder(app.config, self._keys))
            self._verified = TokenCache(app, self._verify, at_once, self._keys).verified

    def identify(self) -> Caller | Anonymous:
        """Verify the token of the current request.

        Returns:
            The caller, or the stranger that any failure to authenticate makes of it.
        """
        try:
            return self._verified().caller
        except (Unauthenticated, KeysUnavailable) as error:
            return Anonymous(error)
        except jwt.ExpiredSignatureError:
            return Anonymous(Unauthenticated(_EXPIRED, "expired"))
        except NoAuthorizationError:
            return Anonymous(Unauthenticated(reason="missing"))
        except _REFUSALS as error:
            # A fault in a host's own callback looks like one of a token: let it be found, but by
            # where it was. Its message may hold a claim.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.debug("a token was refused: %s", type(error).__name__, extra={"frames": frames})
            return Anonymous(Unauthenticated())

    def _verify(self) -> VerifiedToken:
        _spell_bearer()
        with self._context():
            verify = verify_jwt_in_request
            verified = self._keys.verified(verify) if self._keys else verify()
        return self._whose(verified[1] if verified else {})

    def _verify_at_once(self, decoder: Decoder) -> VerifiedToken:
        """Verify in one reading; what is not accepted so is left to the manager."""
        with suppress(*_REFUSALS, KeysUnavailable):
            return self._whose(decoder.claims(request.headers["Authorization"]))
        return self._verify()

    def _whose(self, claims: dict[str, Any]) -> VerifiedToken:
        user_id = claims[self._identity_claim]
        if "exp" not in claims and not self._endless:
            raise Unauthenticated(_ENDLESS, "endless")
        if not is_id(user_id):
            raise ValueError(user_id)
        caller = Caller(user_id, is_admin=self._admin_scope in _scopes(claims.get("scope")))
        return VerifiedToken(caller, int(claims["exp"]) if "exp" in claims else math.inf)

    def _context(self) -> AbstractContextManager[object]:
        if self._beside is None:
            return nullcontext()
        return self._beside.request_context(request.environ.copy())  # it is written to


class KeyRotation:
    """Tells who calls while a key is replaced: by the new key, or else by the one before it."""

    def __init__(self, now: TokenIdentity, before: TokenIdentity) -> None:
        """Ask the first, and about what that did not sign the second."""
        self._now, self._before = now, before
        self.token_locations = now.token_locations

    def identify(self) -> Caller | Anonymous:
        """Return the caller, or the stranger that any failure to authenticate makes of it."""
        caller = self._now.identify()
        refusal = caller.refusal if isinstance(caller, Anonymous) else None
        signed_otherwise = isinstance(refusal, Unauthenticated) and refusal.reason == "invalid"
        return self._before.identify() if signed_otherwise else caller


def token_identity(app: Flask, settings: Settings) -> TokenIdentity | KeyRotation:
    """Return what tells who calls by a token.

    Args:
        app: whose JWTManager verifies, where it has one; one of our own does beside it, else.
        settings: with which keys, where it is our own.

    Raises:
        SettingsError: there is no key, or it verifies nothing.
    """
    scope, hosts = settings.progress_admin_scope, "flask-jwt-extended" in app.extensions
    verifies = app if hosts else _beside(settings)
    now = TokenIdentity(verifies, admin_scope=scope, beside=not hosts)
    secret, key = settings.jwt_previous_secret_key, settings.jwt_previous_public_key
    is_replaced = secret if settings.jwt_algorithm.startswith("HS") else key
    if not is_replaced or _OURS not in verifies.extensions:
        return now
    previous = replace(settings, jwt_secret_key=secret, jwt_public_key=key)
    return KeyRotation(now, TokenIdentity(_beside(previous), admin_scope=scope, beside=True))


def _beside(settings: Settings) -> Flask:
    """An app that only holds a JWTManager, for one that has none and is to get none."""
    app = Flask("progress_api.tokens", static_folder=None)
    set_up_tokens(app, settings)
    return app


def set_up_tokens(app: Flask, settings: Settings) -> None:
    """Give an app of our own a JWTManager that verifies by the settings.

    Raises:
        SettingsError: there is no key, or it verifies nothing.
    """
    check_keys(settings)
    for name in _JWT_SETTINGS:
        app.config[name] = getattr(settings, name.lower())
    app.config["JWT_TOKEN_LOCATION"] = list(settings.jwt_token_location)
    manager = JWTManager(app)
    check_public_keys(settings)
    app.extensions[_OURS] = None
    if settings.jwt_jwks_url:
        keys = PublishedKeys(settings.jwt_jwks_url, settings.jwt_algorithm)
        manager.decode_key_loader(keys.key)
        app.extensions[_OURS] = keys


def _spell_bearer() -> None:
    # RFC 9110: a scheme has no case. The extension knows it in one spelling only.
    scheme, blank, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" and scheme.lower() == "bearer":
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer{blank}{token}"


def _scopes(claim: object) -> list[str]:
    """RFC 8693 has scopes in one string, blanks between; some issuers send a list."""
    if isinstance(claim, str):
        return claim.split()
    return [scope for scope in claim if isinstance(scope, str)] if isinstance(claim, list) else []
