"""The results of `CertificateRepository`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from progress_api.certificates.ids import new_id
from progress_api.database import Row


class CertificateChange(NamedTuple):
    """A revocation or reinstatement: `action` is "revoked" or "reinstated"; `at` is in UTC."""

    at: datetime
    action: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The certificate of one learner for one tutorial, with times in UTC (spec 14.1).

    Args:
        certificate_id: public, 26 characters that nobody can guess.
        tutorial_id: of the tutorial.
        user_id: the learner; never public.
        title: of the tutorial when the certificate was issued; None if it had none.
        holder_name: the name to show; None if none was given.
        issued_at: when it was issued.
        credential_id: the id of its credential.
        revoked_at: when it was revoked; None if it is valid.
        revocation_reason: why it was revoked; None if it is valid.
        history: each revocation and reinstatement, in order.
    """

    certificate_id: str
    tutorial_id: str
    user_id: str
    title: str | None
    holder_name: str | None
    issued_at: datetime
    credential_id: UUID
    revoked_at: datetime | None = None
    revocation_reason: str | None = None
    history: tuple[CertificateChange, ...] = ()

    @property
    def name(self) -> str:
        """The title, or the id of the tutorial if it had no title."""
        return self.title or self.tutorial_id

    @property
    def is_valid(self) -> bool:
        """Whether it is not revoked."""
        return self.revoked_at is None


def new_certificate(holder_name: str | None) -> dict[str, Any]:
    """Return the parameters of `statements.issue` for a new certificate.

    Args:
        holder_name: 1 to 255 characters; None if it is not given.
    """
    return {
        "of_certificate": new_id(),
        "credential_id": str(uuid4()),
        "holder_name": holder_name,
    }


def certificate_of(row: Row) -> Certificate:
    """Return the certificate in a row.

    Args:
        row: the columns of `statements.COLUMNS`.
    """
    certificate_id, tutorial_id, user_id, title, holder_name = row[:5]
    issued_at, credential_id, revoked_at, reason, history = row[5:]
    return Certificate(
        certificate_id=certificate_id,
        tutorial_id=tutorial_id,
        user_id=user_id,
        title=title,
        holder_name=holder_name,
        issued_at=issued_at.replace(tzinfo=UTC),
        credential_id=UUID(str(credential_id)),
        revoked_at=revoked_at and revoked_at.replace(tzinfo=UTC),
        revocation_reason=reason,
        history=tuple(
            CertificateChange(_parsed(change["at"]), change["action"], change["reason"])
            for change in history
        ),
    )


def _parsed(at: str) -> datetime:
    return datetime.fromisoformat(at).replace(tzinfo=UTC)
