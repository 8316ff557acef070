"""From an app's own way to know the learner to who calls."""

import logging
from collections.abc import Callable
from uuid import UUID

from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError
from werkzeug.exceptions import Unauthorized

from progress_api.exceptions import Unauthenticated
from progress_api.validation import is_id
from progress_api.web.identity.callers import Anonymous, Caller

Learner = Callable[[], object]
_SIGN_IN = "NullObserver is signed in; sign in, and try again."
# An app may know the learner by a token of its own, through `@jwt_required()` or PyJWT.
_REFUSALS = (Unauthorized, Unauthenticated, JWTExtendedException, PyJWTError)
_log = logging.getLogger("progress_api.identity")


class HostCallbackIdentity:
    """Tells who calls, by asking the app; nobody is an admin this way."""

    token_locations = ()

    def __init__(self, learner: Learner) -> None:
        """Ask this.

        Args:
            learner: called in each request; returns the learner's id as a text, a whole number
                or a UUID, and refuses with None or by raising Unauthorized, as abort(401) does,
                or what flask-jwt-extended or PyJWT raise.
        """
        self._learner = learner

    def identify(self) -> Caller | Anonymous:
        """Ask who is signed in.

        Returns:
            The caller, or a stranger where the app knows nobody.
        """
        try:
            known = self._learner()
        except _REFUSALS:
            return Anonymous(Unauthenticated(_SIGN_IN, "missing"))
        if type(known) is int or isinstance(known, UUID):
            known = str(known)
        if is_id(known):
            return Caller(str(known))
        if known:
            _log.error("learner= returned what is no id: %s", type(known).__name__)
        return Anonymous(Unauthenticated(_SIGN_IN, "missing"))
