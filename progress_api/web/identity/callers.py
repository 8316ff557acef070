"""The caller of a request, and the learners that the caller may act for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
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
from progress_api.settings import Settings
from progress_api.validation import is_id


class Role(Enum):
    """What a scope of the token lets its holder do (spec 4.8, 4.23)."""

    ADMIN = auto()  # act for every learner, and what authors and teachers may
    AUTHOR = auto()  # say what a tutorial consists of
    TEACHER = auto()  # read the reports of all learners


@dataclass(frozen=True)
class Caller:
    """The authenticated caller of a request.

    Args:
        user_id: the learner's id.
        roles: by the scopes of the token.
    """

    user_id: str
    roles: frozenset[Role] = frozenset()

    def has(self, role: Role) -> bool:
        """Return whether the caller has a role; an admin has all of them.

        Args:
            role: what the request needs.
        """
        return role in self.roles or Role.ADMIN in self.roles

    @cached_property
    def limit_key(self) -> str:
        """The key that this caller's requests are counted under."""
        return f"user:{self.pseudonym}"

    @cached_property
    def pseudonym(self) -> str:
        """A hash of the id, for logs and limits: 32 hexadecimal digits, the same for everyone."""
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
        if Role.ADMIN not in self.roles and named - {self.user_id}:
            raise NotYourProgress
        if len(named) > 1:
            raise InvalidFields({"userId": ["Must be the same in the query and in the body."]})
        return named.pop() if named else self.user_id


def scopes_of(settings: Settings) -> dict[Role, str]:
    """Return the scope that gives each role.

    Args:
        settings: of the service.
    """
    return {
        Role.ADMIN: settings.progress_admin_scope,
        Role.AUTHOR: settings.progress_author_scope,
        Role.TEACHER: settings.progress_report_scope,
    }


def caller_from(
    claims: dict[str, Any], *, identity_claim: str, scopes: Mapping[Role, str]
) -> Caller:
    """Return the caller that a verified token names (spec 4.6, 4.8, 4.23).

    Args:
        claims: of the token.
        identity_claim: the claim that holds the learner's id.
        scopes: the scope that gives each role.

    Raises:
        InvalidSubjectError: the claim is not a valid id.
    """
    user_id = claims.get(identity_claim)
    if not is_id(user_id):
        raise InvalidSubjectError
    held = _scopes(claims.get("scope"))
    return Caller(user_id, frozenset(role for role, scope in scopes.items() if scope in held))


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
