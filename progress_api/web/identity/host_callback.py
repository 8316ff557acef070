"""Identify the caller by a function of the host app."""

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
_SIGN_IN = "Nobody is signed in; sign in, and try again."
# A host may identify the learner by a token of its own, with `@jwt_required()` or PyJWT.
_REJECTIONS = (Unauthorized, Unauthenticated, JWTExtendedException, PyJWTError)
_log = logging.getLogger("progress_api.identity")


class HostCallbackIdentity:
    """Identifies the caller by the `learner=` of the host, never as an admin (spec 10.4)."""

    token_locations = ()

    def __init__(self, learner: Learner) -> None:
        """Use this function of the host.

        Args:
            learner: called in each request; returns the learner's id as a string, an integer or a
                UUID. It rejects the request by returning None, by raising Unauthorized as
                abort(401) does, or by raising an exception of Flask-JWT-Extended or PyJWT.
        """
        self._learner = learner

    def identify(self) -> Caller | Anonymous:
        """Return the learner that the host names, or an anonymous caller."""
        try:
            user_id = self._learner()
        except _REJECTIONS:
            return Anonymous(Unauthenticated(_SIGN_IN, "missing"))
        if type(user_id) is int or isinstance(user_id, UUID):
            user_id = str(user_id)
        if is_id(user_id):
            return Caller(str(user_id))
        if user_id:
            _log.error("learner= returned an invalid id of type %s", type(user_id).__name__)
        return Anonymous(Unauthenticated(_SIGN_IN, "missing"))
