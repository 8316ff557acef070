"""Who calls: by a token, or as the app says."""

from progress_api.web.identity.callers import Anonymous, Caller, Identity
from progress_api.web.identity.host_callback import HostCallbackIdentity, Learner
from progress_api.web.identity.tokens import set_up_tokens, token_identity

__all__ = [
    "Anonymous",
    "Caller",
    "HostCallbackIdentity",
    "Identity",
    "Learner",
    "set_up_tokens",
    "token_identity",
]
