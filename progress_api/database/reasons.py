"""Map SQLSTATE codes to the exceptions that name why the database is unavailable."""

from progress_api.database.errors import sqlstate
from progress_api.exceptions import (
    DatabaseNotMigrated,
    DatabaseUnavailable,
    PrivilegeMissing,
    TransactionPooling,
)

_REASONS: dict[str | None, type[DatabaseUnavailable]] = {
    "42P01": DatabaseNotMigrated,  # a table is missing
    "42703": DatabaseNotMigrated,  # a column is missing
    "42501": PrivilegeMissing,
    "26000": TransactionPooling,  # a prepared statement is missing, also on a new connection
    "42P05": TransactionPooling,  # ... or already exists
}


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """Return the exception to raise for an unavailable database.

    Args:
        error: an error of the driver or SQLAlchemy for which `is_unavailable` is true.
    """
    return _REASONS.get(sqlstate(error), DatabaseUnavailable)()
