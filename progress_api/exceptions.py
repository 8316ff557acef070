"""Exceptions of the package. Their statuses of HTTP are in `web/error_responses.py`.

ProgressError
├── SettingsError
├── MalformedBody
│   └── IncompleteBody
├── UnsupportedBody
│   └── EncodedBody
├── BodyTooLarge
├── InvalidFields
│   └── InvalidScore
├── Unauthenticated
├── NotYourProgress
├── ScopeMissing
├── InsecureTransport
├── LimitExceeded
├── ProgressNotFound
├── NotEligible
├── OutlineNotFound
├── CertificateNotFound
├── TooManyChapters
├── TooManyQuizzes
├── Unavailable
│   ├── DatabaseUnavailable
│   │   ├── TransactionPooling
│   │   ├── DatabaseNotMigrated
│   │   └── PrivilegeMissing
│   ├── ReportsBusy
│   └── KeysUnavailable
├── StatementRefused
├── MigrationFailed
└── SchemaDiffers
"""

from collections.abc import Mapping, Sequence


class ProgressError(Exception):
    """Something went wrong with tutorial progress."""

    def __init__(self, detail: str | None = None) -> None:
        """Set the error message.

        Args:
            detail: one sentence that a person can act on; the docstring of the class by default.
        """
        super().__init__(detail or (type(self).__doc__ or "").strip())

    @property
    def detail(self) -> str:
        """One sentence that a person can act on."""
        return str(self)


class SettingsError(ProgressError):
    """A setting is missing or has a value that is not allowed."""


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
    """A field of the request has a value that is not allowed."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Set the messages of the invalid fields.

        Args:
            fields: messages by the name of the field in JSON.
        """
        self.fields = {name: list(messages) for name, messages in fields.items()}
        detail = " ".join(f"{name}: {' '.join(texts)}" for name, texts in self.fields.items())
        super().__init__(detail or None)


class InvalidScore(InvalidFields):
    """The score must be between 0 and maxScore."""


class Unauthenticated(ProgressError):
    """Send a valid token in the header Authorization: Bearer <token>."""

    def __init__(self, detail: str | None = None, reason: str = "invalid") -> None:
        """Set what is wrong with the token.

        Args:
            detail: one sentence; the docstring of the class by default.
            reason: the label in the metrics: missing, expired, endless (no `exp`) or invalid.
        """
        self.reason = reason
        super().__init__(detail)


class NotYourProgress(ProgressError):
    """The token belongs to another learner than the userId of this request."""


class ScopeMissing(ProgressError):
    """The token lacks the scope that this request needs."""


class InsecureTransport(ProgressError):
    """This service answers over HTTPS only."""


class LimitExceeded(ProgressError):
    """Too many requests; wait before the next one."""

    def __init__(
        self, *, limit: int, window: str, reset_in: int, detail: str | None = None
    ) -> None:
        """Set the limit and the time to wait.

        Args:
            limit: requests allowed in one window.
            window: the limit and the window as text, such as "5 per 1 minute".
            reset_in: whole seconds until the window ends, at least 1.
            detail: the host app's sentence; by default a sentence that names the limit.
        """
        self.limit = limit
        self.reset_in = reset_in
        reason = f"More such requests than {window} are not allowed"
        super().__init__(detail or f"{reason}; try again in {reset_in} s.")


class ProgressNotFound(ProgressError):
    """Nothing has been recorded for this tutorial yet; post a chapter first."""


class NotEligible(ProgressError):
    """The certificate needs more completed chapters or passed quizzes."""

    def __init__(
        self, detail: str | None = None, missing: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Set what is missing.

        Args:
            detail: one sentence; the docstring of the class by default.
            missing: with an outline, the ids of the first chapters and quizzes that are missing.
        """
        self.missing = missing
        super().__init__(detail)


class OutlineNotFound(ProgressError):
    """This tutorial has no outline; an author can store one."""


class CertificateNotFound(ProgressError):
    """There is no such certificate."""


class TooManyChapters(ProgressError):
    """This tutorial already holds as many different chapters as one learner may record."""


class TooManyQuizzes(ProgressError):
    """This tutorial already holds as many different quizzes as one learner may record."""


class Unavailable(ProgressError):
    """The service cannot do this right now; try again in a moment."""

    retry_after = 1  # seconds


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or is too busy; try again in a moment."""


class TransactionPooling(DatabaseUnavailable):
    """The database is behind a pooler in transaction mode, which needs DATABASE_ONE_TRIP=false."""


class DatabaseNotMigrated(DatabaseUnavailable):
    """The database is not migrated: run progress-api migrate (or flask progress migrate)."""


class PrivilegeMissing(DatabaseUnavailable):
    """The service lacks a privilege in its database; its operators must grant it."""


class StatementRefused(ProgressError):
    """The database does not support what this needs; give the requestId to its operators."""


class KeysUnavailable(Unavailable):
    """The keys that verify tokens cannot be fetched; try again in a moment."""


class ReportsBusy(Unavailable):
    """Another report is being made; try again in some seconds."""

    retry_after = 6  # seconds; a client that waits stays within the default of RATELIMIT_REPORT


class MigrationFailed(ProgressError):
    """The database was not migrated."""


class SchemaDiffers(ProgressError):
    """The tables in the database differ from those of the first migration."""
