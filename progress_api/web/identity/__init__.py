"""Who calls: by a token, or as the app says."""

from progress_api.web.identity.callers import Caller, Identity, Stranger
from progress_api.web.identity.learners import Learner, LearnerIdentity
from progress_api.web.identity.tokens import set_up_tokens, token_identity

__all__ = [
    "Caller",
    "Identity",
    "Learner",
    "LearnerIdentity",
    "Stranger",
    "set_up_tokens",
    "token_identity",
]
