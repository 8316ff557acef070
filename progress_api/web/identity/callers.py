"""Who calls, and for whom that caller may act."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Protocol

from flask import request

from progress_api.exceptions import (
    InvalidFields,
    KeysUnavailable,
    NotYourProgress,
    Unauthenticated,
)


@dataclass(frozen=True)
class Caller:
    """Who holds the token of a request.

    Args:
        user_id: the learner that the token names.
        is_admin: whether its scope lets it act for every learner.
    """

    user_id: str
    is_admin: bool = False

    @cached_property
    def limit_key(self) -> str:
        """Whose allowance a request spends: the verified learner's."""
        return f"user:{self.pseudonym}"

    @cached_property
    def pseudonym(self) -> str:
        """What stands for the learner in logs and limits: 32 hexadecimal digits."""
        return hashlib.sha256(self.user_id.encode()).hexdigest()[:32]

    def require_authenticated(self) -> "Caller":
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
class Anonymous:
    """Who holds no token that verifies; refused only after the address was limited.

    Args:
        refusal: what is raised then.
    """

    refusal: Unauthenticated | KeysUnavailable

    @property
    def limit_key(self) -> str:
        """Whose allowance a request spends: the client address's."""
        return f"address:{_without_port(request.remote_addr or '')}"

    def require_authenticated(self) -> Caller:
        """Refuse.

        Raises:
            Unauthenticated: the token is none, or there is none.
            KeysUnavailable: no key is there to verify it with.
        """
        raise self.refusal


def _without_port(sent: str) -> str:
    """Return an IP address in its shortest form, without port and zone; other text as it is."""
    bracketed = sent.startswith("[")
    host = sent[1:].partition("]")[0] if bracketed else sent
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return sent
    return str(getattr(address, "ipv4_mapped", None) or address)


class Identity(Protocol):
    """Tells who calls."""

    @property
    def token_locations(self) -> tuple[str, ...]:
        """Where tokens are, such as headers; none where an app knows the learner in its own way."""

    def identify(self) -> Caller | Anonymous:
        """Return the caller, or the stranger that any failure to authenticate makes of it."""
