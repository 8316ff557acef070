"""What can go wrong, in the contract's words. Nothing here knows of HTTP."""

from collections.abc import Mapping, Sequence


class ProgressError(Exception):
    """Something went wrong with tutorial progress."""

    def __init__(self, detail: str | None = None) -> None:
        """Keep one sentence that a person can act on.

        Args:
            detail: the sentence; the class's docstring when not given.
        """
        super().__init__(detail or (type(self).__doc__ or "").strip())

    @property
    def detail(self) -> str:
        """The sentence that a person can act on."""
        return str(self)


class SettingsError(ProgressError):
    """A setting is missing or has a value that it may not have."""


class MalformedBody(ProgressError):
    """The request body must be a JSON object, such as {"userId": null}."""


class IncompleteBody(MalformedBody):
    """The request body ended before what its headers announce; send all of it again."""


class UnsupportedBody(ProgressError):
    """Send the body as JSON, with the header Content-Type: application/json."""


class EncodedBody(UnsupportedBody):
    """Send the body without compression, with no header Content-Encoding."""


class BodyTooLarge(ProgressError):
    """The request body is larger than this service reads."""


class InvalidFields(ProgressError):
    """A field of the request holds a value that it may not have."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Name what is wrong.

        Args:
            fields: for each bad field, as it is called on the wire, its messages.
        """
        self.fields = {name: list(messages) for name, messages in fields.items()}
        told = " ".join(f"{name}: {' '.join(found)}" for name, found in self.fields.items())
        super().__init__(told or None)


class InvalidScore(InvalidFields):
    """The score must be between 0 and maxScore."""


class Unauthenticated(ProgressError):
    """Send a valid token in the header Authorization: Bearer <token>."""

    def __init__(self, detail: str | None = None, reason: str = "invalid") -> None:
        """Say what is wrong with the token.

        Args:
            detail: the sentence; the class's docstring when not given.
            reason: what refusals are counted by: missing, expired, endless or invalid.
        """
        self.reason = reason
        super().__init__(detail)


class NotYourProgress(ProgressError):
    """The token belongs to another learner than the userId of this request."""


class InsecureTransport(ProgressError):
    """This service answers over HTTPS only."""


class LimitExceeded(ProgressError):
    """Too many requests; wait before the next one."""

    def __init__(
        self, *, limit: int, window: str, reset_in: int, detail: str | None = None
    ) -> None:
        """Say how long to wait.

        Args:
            limit: requests allowed in one window.
            window: both in words, such as "5 per 1 minute".
            reset_in: whole seconds until the window ends, at least 1.
            detail: a sentence of the host's; one that names the window when not given.
        """
        self.limit = limit
        self.reset_in = reset_in
        why = f"More such requests than {window} are not allowed"
        super().__init__(detail or f"{why}; try again in {reset_in} s.")


class ProgressNotFound(ProgressError):
    """Nothing has been recorded for this tutorial yet; post a chapter first."""


class NotEligible(ProgressError):
    """The certificate needs 95 percent of the chapters and every attempted quiz passed."""


class TooManyChapters(ProgressError):
    """This tutorial already holds as many different chapters as one learner may record."""


class TooManyQuizzes(ProgressError):
    """This tutorial already holds as many different quizzes as one learner may record."""


class Unavailable(ProgressError):
    """The service cannot do this right now; try again in a moment."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or is too busy; try again in a moment."""


class TransactionPooling(DatabaseUnavailable):
    """The database is behind a pooler in transaction mode, which needs DATABASE_ONE_TRIP=false."""


class DatabaseNotMigrated(DatabaseUnavailable):
    """The database is not migrated: run flask progress migrate."""


class PrivilegeMissing(DatabaseUnavailable):
    """The service lacks a privilege in its database; its operators must grant it."""


class KeysUnavailable(Unavailable):
    """The keys that verify tokens cannot be fetched; try again in a moment."""


class MigrationFailed(ProgressError):
    """The database was not migrated."""


class SchemaDiffers(ProgressError):
    """The tables in the database are not those of the guide."""
