"""Identify the caller of a request: by a token, or by a function of the host app."""

from progress_api.web.identity.callers import Anonymous, Caller, Identity, Role, scopes_of
from progress_api.web.identity.host_callback import HostCallbackIdentity, Learner
from progress_api.web.identity.jwt_manager import set_up_tokens, token_identity

__all__ = [
    "Anonymous",
    "Caller",
    "HostCallbackIdentity",
    "Identity",
    "Learner",
    "Role",
    "scopes_of",
    "set_up_tokens",
    "token_identity",
]
