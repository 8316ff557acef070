"""Who calls: the learner that a token names, or the one that the host app names."""

from progress_api.web.identity.callers import Anonymous, Caller, Identity
from progress_api.web.identity.host_callback import HostCallbackIdentity, Learner
from progress_api.web.identity.jwt_manager import set_up_tokens, token_identity

__all__ = [
    "Anonymous",
    "Caller",
    "HostCallbackIdentity",
    "Identity",
    "Learner",
    "set_up_tokens",
    "token_identity",
]
