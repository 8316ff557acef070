"""What requests and responses about certificates hold, in JSON."""

from typing import Any

from marshmallow import Schema, fields

from progress_api.certificates.ids import ID_LENGTH
from progress_api.certificates.records import Certificate
from progress_api.validation import MAX_ID_LENGTH, MAX_TITLE_LENGTH
from progress_api.web import fields as web
from progress_api.web.fields import Id, RequestBody, ResponseSchema, Text, rfc3339

_DESCRIPTIONS = {
    "certificateId": (
        "The public id. In the path it may be in lower case, with hyphens, O for 0, and I and L "
        "for 1; other forms than the canonical one are redirected to it."
    ),
    "status": "`valid` or `revoked`.",
    "tutorialId": "The tutorial.",
    "userId": "The learner.",
    "title": "Title of the tutorial when the certificate was issued; null if it had none.",
    "holderName": "The name that the certificate shows; null if none was given.",
    "issuedAt": "When the certificate was issued.",
    "revokedAt": "When the certificate was revoked; null if it is valid.",
    "revocationReason": "Why the certificate was revoked; null if it is valid.",
    "url": "The public address of the certificate.",
    "credential": (
        "The certificate as an Open Badges 3.0 credential, a signed JWT; null if the service has "
        "no key, or the certificate is revoked."
    ),
    "reason": "Why the certificate is revoked; shown to the learner, not to the public.",
    "keys": "The public keys, as JWKs (RFC 7517).",
}


def _named(name: str, **options: Any) -> dict[str, Any]:
    return {**web.named(name, _DESCRIPTIONS[name]), "required": True, **options}


class CertificatePath(Schema):
    """The variables of the path."""

    certificate_id = fields.String(**_named("certificateId"))


class Revocation(RequestBody[str]):
    """Why a certificate is revoked (spec 14.6)."""

    reason = Text(MAX_TITLE_LENGTH, **_named("reason"))

    def to_record(self, values: dict[str, Any]) -> str:
        """Return the reason."""
        reason: str = values["reason"]
        return reason


class _Certificate(ResponseSchema):
    certificate_id = Text(ID_LENGTH, **_named("certificateId"))
    tutorial_id = Id(**_named("tutorialId"))
    title = Text(MAX_TITLE_LENGTH, **_named("title", allow_none=True))
    holder_name = Text(MAX_ID_LENGTH, **_named("holderName", allow_none=True))
    issued_at = fields.DateTime(**_named("issuedAt"))
    revoked_at = fields.DateTime(**_named("revokedAt", allow_none=True))


class OwnCertificate(_Certificate):
    """A certificate, as its learner and admins see it (spec 14.3)."""

    user_id = Id(**_named("userId"))
    revocation_reason = Text(MAX_TITLE_LENGTH, **_named("revocationReason", allow_none=True))
    url = fields.String(**_named("url"))
    credential = fields.String(**_named("credential", allow_none=True))


class PublicCertificate(_Certificate):
    """A certificate, as anyone may see it (spec 14.4)."""

    status = fields.String(**_named("status"))


class KeySet(ResponseSchema):
    """The public keys that verify credentials (spec 14.8)."""

    keys = fields.List(fields.Dict(), **_named("keys"))


def own_json(certificate: Certificate, url: str | None, credential: str | None) -> dict[str, Any]:
    """Return a certificate as `OwnCertificate` describes it.

    Args:
        certificate: returned by the repository.
        url: its public address; None if it is unknown.
        credential: the same, signed; None if it is not.
    """
    return {
        "certificateId": certificate.certificate_id,
        "tutorialId": certificate.tutorial_id,
        "userId": certificate.user_id,
        "title": certificate.title,
        "holderName": certificate.holder_name,
        "issuedAt": rfc3339(certificate.issued_at),
        "revokedAt": certificate.revoked_at and rfc3339(certificate.revoked_at),
        "revocationReason": certificate.revocation_reason,
        "url": url,
        "credential": credential,
    }


def public_json(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as `PublicCertificate` describes it.

    Args:
        certificate: returned by the repository.
    """
    return {
        "certificateId": certificate.certificate_id,
        "status": "valid" if certificate.is_valid else "revoked",
        "title": certificate.title,
        "tutorialId": certificate.tutorial_id,
        "holderName": certificate.holder_name if certificate.is_valid else None,
        "issuedAt": rfc3339(certificate.issued_at),
        "revokedAt": certificate.revoked_at and rfc3339(certificate.revoked_at),
    }
