"""Why the database is unavailable, where its SQLSTATE says more than that it is."""

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
    "26000": TransactionPooling,  # a prepared statement is gone, also on a new connection
    "42P05": TransactionPooling,  # ... or there already
}


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """Return what to raise for a failure that is the database's own.

    Args:
        error: the driver's or SQLAlchemy's.
    """
    return _REASONS.get(sqlstate(error), DatabaseUnavailable)()
