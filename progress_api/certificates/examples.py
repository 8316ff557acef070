"""Examples of requests and responses about certificates."""

from datetime import UTC, datetime
from uuid import UUID

from progress_api.certificates.records import Certificate
from progress_api.certificates.schemas import own_json, public_json

REVOCATION = {"reason": "Somebody else took the quizzes."}
_VALID = Certificate(
    certificate_id="3K7M0Q9TXN5VAJ2CE8RGHW4DBY",
    tutorial_id="python-basics",
    user_id="alice",
    title="Python basics",
    holder_name="Alice Liddell",
    issued_at=datetime(2026, 1, 5, 10, 3, tzinfo=UTC),
    credential_id=UUID("2f8c7f52-6a0e-4c39-9f39-0d5a4f9b1c11"),
)
_REVOKED = Certificate(
    certificate_id=_VALID.certificate_id,
    tutorial_id=_VALID.tutorial_id,
    user_id=_VALID.user_id,
    title=_VALID.title,
    holder_name=_VALID.holder_name,
    issued_at=_VALID.issued_at,
    credential_id=_VALID.credential_id,
    revoked_at=datetime(2026, 2, 1, 8, 0, tzinfo=UTC),
    revocation_reason=REVOCATION["reason"],
)
_URL = f"https://learn.example/v1/tutorials/progress/certificates/{_VALID.certificate_id}"
OWN = own_json(_VALID, _URL, None)
REVOKED = own_json(_REVOKED, _URL, None)
PUBLIC = public_json(_VALID)
KEYS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "kid": "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
            "alg": "ES256",
            "use": "sig",
        }
    ]
}
