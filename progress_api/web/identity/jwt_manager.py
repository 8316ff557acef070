"""Identify the caller by the app's JWTManager, the extension of Flask-JWT-Extended."""

import re
from collections.abc import Mapping
from copy import deepcopy
from operator import itemgetter
from typing import Any, cast

import jwt
from flask import Flask, request
from flask_jwt_extended import JWTManager, verify_jwt_in_request

from progress_api.settings import Settings
from progress_api.web.identity.callers import (
    Anonymous,
    Caller,
    Identity,
    Role,
    caller_from,
    scopes_of,
)
from progress_api.web.identity.rejections import REJECTIONS, anonymous
from progress_api.web.identity.tokens import TokenIdentity

_MANAGER = "flask-jwt-extended"
_SERVICE = "progress_api.identity"
# All settings but those of tokens that are issued here: none are.
_VERIFYING = re.compile("JWT_(?!ENCODE|REFRESH|PRIVATE|COOKIE_[DS])")


class ManagerIdentity:
    """Identifies the caller as a JWTManager decides: by its settings, callbacks and blocklist."""

    def __init__(self, app: Flask, scopes: Mapping[Role, str]) -> None:
        """Use the JWTManager of an app; each of `scopes` gives a role."""
        self._scopes = scopes
        self._identity_claim: str = app.config["JWT_IDENTITY_CLAIM"]
        self._needs_exp = app.config["JWT_ACCESS_TOKEN_EXPIRES"] is not False
        locations = app.config["JWT_TOKEN_LOCATION"]
        self.token_locations = (locations,) if isinstance(locations, str) else tuple(locations)

    def identify(self) -> Caller | Anonymous:
        """Return the caller that the token of the current request names, or an anonymous one."""
        _normalize_scheme()
        try:
            _, claims = verify_jwt_in_request() or ({}, {})
            if self._needs_exp and "exp" not in claims:
                raise jwt.MissingRequiredClaimError("exp")
            return caller_from(claims, identity_claim=self._identity_claim, scopes=self._scopes)
        except REJECTIONS as error:
            return anonymous(error)


class ServiceIdentity:
    """Identifies the caller by the settings, until the service's own JWTManager is changed.

    After a change of the `JWT_` configuration or of a callback, such as a blocklist, the manager
    decides, also about tokens that were cached.
    """

    def __init__(self, app: Flask, settings: Settings, by_settings: TokenIdentity) -> None:
        """Remember how the manager of the app is set up."""
        self.token_locations = by_settings.token_locations
        self._by_settings = by_settings
        self._by_manager = ManagerIdentity(app, scopes_of(settings))
        self._config, self._callbacks = app.config, vars(app.extensions[_MANAGER])
        self._values = itemgetter(*(name for name in app.config if _VERIFYING.match(name)))
        self._initial_values = deepcopy(self._values(app.config))  # a list may be changed in place
        self._initial_callbacks = dict(self._callbacks)

    def identify(self) -> Caller | Anonymous:
        """Return the caller that the token of the current request names, or an anonymous one."""
        if (
            self._values(self._config) == self._initial_values
            and self._callbacks == self._initial_callbacks
        ):
            return self._by_settings.identify()
        return self._by_manager.identify()


def token_identity(app: Flask, settings: Settings) -> Identity:
    """Return the identity of an app whose callers send tokens.

    Args:
        app: its JWTManager verifies the tokens, if it has one.
        settings: they verify the tokens otherwise.

    Raises:
        SettingsError: a key is missing or does not fit the algorithm.
    """
    if _SERVICE in app.extensions:
        return cast("Identity", app.extensions[_SERVICE])
    if _MANAGER in app.extensions:
        return ManagerIdentity(app, scopes_of(settings))
    return TokenIdentity(settings)


def set_up_tokens(app: Flask, settings: Settings) -> None:
    """Give the service's own app a JWTManager that verifies by the settings.

    Raises:
        SettingsError: a key is missing or does not fit the algorithm.
    """
    by_settings = TokenIdentity(settings)
    for name, value in vars(settings).items():
        if name.startswith("jwt_"):
            app.config[name.upper()] = list(value) if isinstance(value, tuple) else value
    is_shared = settings.jwt_algorithm.startswith("HS")
    name = "JWT_SECRET_KEY" if is_shared else "JWT_PUBLIC_KEY"
    initial = app.config[name]

    def load_key(header: dict[str, Any], _: object) -> Any:
        changed = app.config[name]
        return by_settings.key(header) if changed == initial else changed

    JWTManager(app).decode_key_loader(load_key)
    app.extensions[_SERVICE] = ServiceIdentity(app, settings, by_settings)


def _normalize_scheme() -> None:
    # Flask-JWT-Extended knows one spelling only, and a scheme has no case (RFC 9110).
    scheme, space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" and scheme.lower() == "bearer":
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer{space}{token}"
