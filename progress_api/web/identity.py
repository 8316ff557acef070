"""From a token to who holds it, and for whom that caller may act."""

import hashlib
import logging
from dataclasses import dataclass

import jwt
from flask import Flask, request
from flask_jwt_extended import JWTManager, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from marshmallow import ValidationError

from progress_api.exceptions import InvalidFields, NotYourProgress, Unauthenticated
from progress_api.settings import Settings, check_keys
from progress_api.web.keys import PublishedKeys, check_public_key
from progress_api.web.schemas import check_id

# A header or a token may hold anything: what the libraries raise for the strangest of them are
# no errors of their own (IndexError for "Authorization: , ,x", RecursionError for deep JSON).
_REFUSALS = (
    jwt.PyJWTError,
    JWTExtendedException,
    ValidationError,
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
_ENDLESS = "The token has no end; it needs the claim exp."
_EXPIRED = "The token has expired; sign in again."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds the token of a request.

    Args:
        user_id: the learner that the token names.
        is_admin: whether its scope lets it act for every learner.
    """

    user_id: str
    is_admin: bool = False

    @property
    def limit_key(self) -> str:
        """Whose allowance a request spends: the verified learner's."""
        return f"user:{self.pseudonym}"

    @property
    def pseudonym(self) -> str:
        """What stands for the learner in logs and limits: 32 hexadecimal digits."""
        return hashlib.sha256(self.user_id.encode()).hexdigest()[:32]

    def admitted(self) -> "Caller":
        """Return the caller itself."""
        return self

    def acting_for(self, *user_ids: str | None) -> str:
        """Return the learner whose progress a request is about (contract, "who may do what").

        Args:
            user_ids: each `userId` of the request, from its query and its body; None and the
                empty one are not given.

        Raises:
            NotYourProgress: one is another learner's, and the caller is no admin.
            InvalidFields: they name two learners.
        """
        named = {user_id for user_id in user_ids if user_id}
        if not self.is_admin and named - {self.user_id}:
            raise NotYourProgress
        if len(named) > 1:
            raise InvalidFields({"userId": ["Must be the same in the query and in the body."]})
        return named.pop() if named else self.user_id


@dataclass(frozen=True, slots=True)
class Stranger:
    """Who holds no valid token; refused only after the address was limited."""

    reason: str | None = None

    @property
    def limit_key(self) -> str:
        """Whose allowance a request spends: the client address's."""
        return f"address:{request.remote_addr}"

    def admitted(self) -> Caller:
        """Refuse.

        Raises:
            Unauthenticated: always.
        """
        raise Unauthenticated(self.reason)


class Identity:
    """Tells who calls, by the app's JWTManager."""

    def __init__(self, *, identity_claim: str, admin_scope: str) -> None:
        """Keep which claims matter.

        Args:
            identity_claim: the claim that names the learner.
            admin_scope: the scope that may act for every learner.
        """
        self._identity_claim = identity_claim
        self._admin_scope = admin_scope

    def identify(self) -> Caller | Stranger:
        """Verify the token of the current request.

        Returns:
            The caller, or the stranger that any failure to authenticate makes of it.

        Raises:
            KeysUnavailable: no key is there to verify with.
        """
        try:
            return self._caller()
        except jwt.ExpiredSignatureError:
            return Stranger(_EXPIRED)
        except _REFUSALS as error:
            # A fault in a host's own callback looks like one of a token: let it be found.
            _log.debug("a token was refused: %s", type(error).__name__, exc_info=error)
            return Stranger()

    def _caller(self) -> Caller | Stranger:
        _spell_bearer()
        verified = verify_jwt_in_request()
        claims = verified[1] if verified else {}
        user_id = claims[self._identity_claim]
        if "exp" not in claims:
            return Stranger(_ENDLESS)
        if not isinstance(user_id, str):
            raise TypeError(user_id)
        check_id(user_id)
        return Caller(user_id, is_admin=self._admin_scope in _scopes(claims.get("scope")))


def set_up_tokens(app: Flask, settings: Settings) -> None:
    """Give an app that has no JWTManager one that verifies by the settings.

    Raises:
        SettingsError: there is no key, or it verifies nothing.
    """
    check_keys(settings)
    for name in _JWT_SETTINGS:
        app.config[name] = getattr(settings, name.lower())
    app.config["JWT_TOKEN_LOCATION"] = list(settings.jwt_token_location)
    manager = JWTManager(app)
    if settings.jwt_public_key:
        check_public_key(settings.jwt_public_key, settings.jwt_algorithm)
    if settings.jwt_jwks_url:
        manager.decode_key_loader(PublishedKeys(settings.jwt_jwks_url, settings.jwt_algorithm).key)


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
