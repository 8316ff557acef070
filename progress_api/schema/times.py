"""Times as the tables hold them."""

from typing import Any

from sqlalchemy import TIMESTAMP, ColumnElement, Interval, case, func, literal_column

NEVER = literal_column("'-infinity'::timestamp", TIMESTAMP)  # before all times
_ALWAYS = literal_column("'infinity'::timestamp", TIMESTAMP)
MICROSECOND = literal_column("interval '1 microsecond'", Interval)


def utc_now() -> ColumnElement[Any]:
    """Return the start of the transaction in UTC, for columns without a time zone (spec 8.5)."""
    return func.timezone(literal_column("'UTC'"), func.now())


def if_true(condition: ColumnElement[bool], time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the time if the condition is true, or else `NEVER`.

    A CASE around `now()` would not run on distributed tables (spec 12.9).
    """
    return func.least(time, case((condition, _ALWAYS), else_=NEVER))
