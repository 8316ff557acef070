"""A sentence for each reason to reject a token (spec 4.11, 4.12)."""

import logging
import traceback

import jwt
from flask_jwt_extended import exceptions as extended
from jwt.exceptions import InvalidSubjectError

from progress_api.exceptions import KeysUnavailable, Unauthenticated
from progress_api.web.identity.callers import Anonymous

# Malformed tokens and headers raise more than the libraries' own exceptions: IndexError for
# "Authorization: , ,x", RecursionError for deeply nested JSON, OverflowError for an infinite `exp`.
REJECTIONS = (
    KeysUnavailable,
    jwt.PyJWTError,
    extended.JWTExtendedException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
# Sent in a quoted header as well: printable ASCII without quotes or backslashes, and no claims.
_DETAILS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "The token has expired; sign in again.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is for another audience.",
    jwt.InvalidIssuerError: "The token is from another issuer.",
    jwt.InvalidSignatureError: "The token's signature is invalid.",
    jwt.InvalidAlgorithmError: "The token is signed with another algorithm.",
    jwt.InvalidKeyError: "The token is signed with an unknown key.",
    jwt.PyJWKClientError: "The token is signed with an unknown key.",
    InvalidSubjectError: "The token does not name a learner.",
    jwt.DecodeError: "The token is malformed.",
    extended.CSRFError: "The header X-CSRF-TOKEN must repeat the token's csrf claim.",
    extended.InvalidHeaderError: "The header must be Authorization: Bearer <token>.",
    extended.RevokedTokenError: "The token has been revoked; sign in again.",
    extended.UserLookupError: "The token names an unknown learner.",
    extended.WrongTokenError: "The token is only for refreshing.",
    Exception: "The token is invalid.",
}
# How PyJWT's own client of published keys, in a host's callback, says that it has no keys.
_NO_KEYS = (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError)
_log = logging.getLogger("progress_api.identity")


def anonymous(error: Exception) -> Anonymous:
    """Return the caller of a request whose token was rejected with one of `REJECTIONS`."""
    if isinstance(error, KeysUnavailable):
        return Anonymous(error)
    if isinstance(error, _NO_KEYS):
        return Anonymous(KeysUnavailable())
    if isinstance(error, extended.NoAuthorizationError):
        return Anonymous(Unauthenticated(reason="missing"))
    if _log.isEnabledFor(logging.DEBUG):
        # A fault in a host's callback looks like a bad token. Its place helps to find it; its
        # message may hold a claim.
        frames = "".join(traceback.format_tb(error.__traceback__))
        _log.debug("a token was rejected: %s", type(error).__name__, extra={"frames": frames})
    if isinstance(error, jwt.MissingRequiredClaimError) and error.claim in {"exp", "aud", "iss"}:
        reason = "endless" if error.claim == "exp" else "invalid"
        return Anonymous(Unauthenticated(f"The token has no {error.claim} claim.", reason))
    detail = next(_DETAILS[kind] for kind in type(error).__mro__ if kind in _DETAILS)
    reason = "expired" if isinstance(error, jwt.ExpiredSignatureError) else "invalid"
    return Anonymous(Unauthenticated(detail, reason))
