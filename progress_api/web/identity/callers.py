"""The caller of a request, and the learners that the caller may act for."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Protocol

from flask import request
from jwt.exceptions import InvalidSubjectError

from progress_api.exceptions import (
    InvalidFields,
    KeysUnavailable,
    NotYourProgress,
    Unauthenticated,
)
from progress_api.validation import is_id


@dataclass(frozen=True)
class Caller:
    """The authenticated caller of a request.

    Args:
        user_id: the learner's id.
        is_admin: whether the token's scope lets it act for every learner (spec 4.8).
    """

    user_id: str
    is_admin: bool = False

    @cached_property
    def limit_key(self) -> str:
        """The key that this caller's requests are counted under."""
        return f"user:{self.pseudonym}"

    @cached_property
    def pseudonym(self) -> str:
        """Stands for the learner in logs and limits: 32 hexadecimal digits."""
        return hashlib.sha256(self.user_id.encode()).hexdigest()[:32]

    def require_authenticated(self) -> "Caller":
        """Return the caller itself."""
        return self

    def acting_for(self, *user_ids: str | None) -> str:
        """Return the id of the learner that a request is about (spec 4.7 to 4.9).

        Args:
            user_ids: each `userId` in the query and the body; None and "" count as absent.

        Raises:
            NotYourProgress: one is another learner's, and the caller is not an admin.
            InvalidFields: an admin gave two different ids.
        """
        named = {user_id for user_id in user_ids if user_id}
        if not self.is_admin and named - {self.user_id}:
            raise NotYourProgress
        if len(named) > 1:
            raise InvalidFields({"userId": ["Must be the same in the query and in the body."]})
        return named.pop() if named else self.user_id


def caller_from(claims: dict[str, Any], *, identity_claim: str, admin_scope: str) -> Caller:
    """Return the caller that a verified token names (spec 4.6, 4.8).

    Args:
        claims: of the token.
        identity_claim: the claim that holds the learner's id.
        admin_scope: the scope that may act for every learner.

    Raises:
        InvalidSubjectError: the claim is not a valid id.
    """
    user_id = claims.get(identity_claim)
    if not is_id(user_id):
        raise InvalidSubjectError
    return Caller(user_id, is_admin=admin_scope in _scopes(claims.get("scope")))


def _scopes(claim: object) -> list[str]:
    """Return the scopes: one string with spaces between (RFC 8693), or a list from some issuers."""
    if isinstance(claim, str):
        return claim.split()
    return [scope for scope in claim if isinstance(scope, str)] if isinstance(claim, list) else []


@dataclass(frozen=True, slots=True)
class Anonymous:
    """The caller of a request without a valid token, rejected only after its address was limited.

    Args:
        refusal: the error to raise then.
    """

    refusal: Unauthenticated | KeysUnavailable

    @property
    def limit_key(self) -> str:
        """The key that requests of this client's address are counted under."""
        return f"address:{_without_port(request.remote_addr or '')}"

    def require_authenticated(self) -> Caller:
        """Reject the request.

        Raises:
            Unauthenticated: the token is missing or invalid.
            KeysUnavailable: the keys that verify it were never fetched.
        """
        raise self.refusal


def _without_port(address: str) -> str:
    """Return an IP address in its shortest form, without port and zone; other text as it is."""
    host = address[1:].partition("]")[0] if address.startswith("[") else address
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return address
    return str(getattr(ip, "ipv4_mapped", None) or ip)


class Identity(Protocol):
    """Identifies the caller of the current request."""

    @property
    def token_locations(self) -> tuple[str, ...]:
        """Where tokens are read from, such as "headers"; empty if there are no tokens."""

    def identify(self) -> Caller | Anonymous:
        """Return the caller; any failure to authenticate makes it anonymous."""
