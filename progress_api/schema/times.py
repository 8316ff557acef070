"""Times as the tables hold them."""

from typing import Any

from sqlalchemy import ColumnElement, func, literal_column


def utc_now() -> ColumnElement[Any]:
    """Return the start of the transaction in UTC, for columns without a time zone (spec 8.5)."""
    return func.timezone(literal_column("'UTC'"), func.now())
