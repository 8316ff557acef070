"""Sign certificates as Open Badges 3.0 credentials, in the form VC-JWT (spec 14.7).

https://www.imsglobal.org/spec/ob/v3p0 has the format: its data model, and 8.2 the JWT. The key
travels in the header as `jwk`, so that a file can be checked without a network.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import jwt

from progress_api.certificates.keys import published_keys, signing_key
from progress_api.certificates.records import Certificate
from progress_api.exceptions import SettingsError
from progress_api.settings import Settings
from progress_api.settings.consistency import certificate_faults

_CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)


class CredentialIssuer:
    """Signs certificates with the key of the settings, and publishes the keys that verify them."""

    def __init__(self, settings: Settings, url_prefix: str) -> None:
        """Read the keys.

        Args:
            settings: of the service.
            url_prefix: path that the endpoints are mounted at.

        Raises:
            SettingsError: a key cannot be used, or a setting that it needs is missing.
        """
        if faults := certificate_faults(vars(settings)):
            raise SettingsError("\n".join(faults))
        pem = settings.certificate_private_key
        self.name = settings.certificate_issuer_name
        self._key = signing_key(pem) if pem else None
        self._issuer_id = settings.public_url or ""
        self._base = f"{self._issuer_id}{url_prefix}" if self._issuer_id else None
        previous = settings.certificate_previous_public_keys
        self.key_set = {"keys": published_keys(self._key, previous)}

    def url(self, certificate_id: str) -> str | None:
        """Return the public address of a certificate; None without the setting PUBLIC_URL.

        Args:
            certificate_id: in its canonical form.
        """
        return f"{self._base}/certificates/{certificate_id}" if self._base else None

    def sign(self, certificate: Certificate) -> str | None:
        """Return the signed credential; None without a key, or if the certificate is revoked.

        Args:
            certificate: to be signed.
        """
        if self._key is None or not certificate.is_valid:
            return None
        headers = {"typ": "JWT", "jwk": self._key.public_jwk}
        return jwt.encode(self._claims(certificate), self._key.key, self._key.algorithm, headers)

    def _claims(self, certificate: Certificate) -> dict[str, Any]:
        # `nbf` and `validFrom` must be the same second.
        valid_from = certificate.issued_at.replace(microsecond=0)
        credential_id = f"urn:uuid:{certificate.credential_id}"
        url = self.url(certificate.certificate_id)
        return {
            "iss": self._issuer_id,
            "jti": credential_id,
            "sub": url,
            "nbf": int(valid_from.timestamp()),
            "@context": list(_CONTEXTS),
            "id": credential_id,
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "name": certificate.name,
            "issuer": {
                "id": self._issuer_id,
                "type": ["Profile"],
                "name": self.name,
                "url": self._issuer_id,
            },
            "validFrom": _seconds(valid_from),
            "credentialSubject": self._subject(certificate, url),
        }

    def _subject(self, certificate: Certificate, url: str | None) -> dict[str, Any]:
        """Return the subject: whom the certificate's page names, without a mail address."""
        name = certificate.name
        subject: dict[str, Any] = {
            "id": url,
            "type": ["AchievementSubject"],
            "achievement": {
                "id": f"{self._base}/{quote(certificate.tutorial_id, safe='')}",
                "type": ["Achievement"],
                "achievementType": "CertificateOfCompletion",
                "name": name,
                "description": f"Completion of the tutorial {name}.",
                "criteria": {"narrative": "Complete the chapters and pass the quizzes."},
            },
        }
        if certificate.holder_name:
            subject["identifier"] = [
                {
                    "type": "IdentityObject",
                    "hashed": False,
                    "identityHash": certificate.holder_name,
                    "identityType": "name",
                }
            ]
        return subject


def _seconds(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
