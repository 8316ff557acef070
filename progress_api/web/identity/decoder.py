"""A token read once, where flask-jwt-extended reads it four times to ask its callbacks."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jwt

from progress_api.web.identity.keys import PublishedKeys


class Decoder:
    """Accepts no token that a JWTManager of our own, as it was set up, would refuse."""

    def __init__(self, config: Mapping[str, Any], keys: PublishedKeys | None) -> None:
        """Decode by these settings.

        Args:
            config: of the app that the manager was set up in.
            keys: what verifies, where it is none of the settings.
        """
        self._algorithm: str = config["JWT_ALGORITHM"]
        symmetric = self._algorithm.startswith("HS")
        self._key: str = config["JWT_SECRET_KEY" if symmetric else "JWT_PUBLIC_KEY"]
        self._keys = keys
        self._audience = config["JWT_DECODE_AUDIENCE"]
        self._issuer = config["JWT_DECODE_ISSUER"]
        self._leeway = config["JWT_DECODE_LEEWAY"]

    def claims(self, header: str) -> dict[str, Any]:
        """Return what the token in an Authorization header claims.

        Raises:
            Exception: of many kinds; it may be a token all the same, for the manager to tell.
        """
        scheme, token = header.split()
        if scheme.lower() != "bearer" or "," in token:
            raise jwt.DecodeError("the header is not that of one token")
        decode = partial(self._decoded, token)
        claims = self._keys.verified(decode) if self._keys else decode()
        if claims.get("type") == "refresh":
            raise jwt.InvalidTokenError("the token is for refreshing only")
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            self._keys.key(jwt.get_unverified_header(token)) if self._keys else self._key,
            algorithms=[self._algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway,
            options={"verify_aud": self._audience is not None},
        )
        return claims
