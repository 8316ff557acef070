"""Valid ids, texts, numbers and times (spec 3.1 to 3.7, 3.11, 12.2)."""

import re
from datetime import UTC, datetime
from typing import TypeGuard

from progress_api.exceptions import InvalidFields

MAX_ID_LENGTH = 255
WHOLE_NUMBER_LIMIT = 2_147_483_647
_INVALID_CHARACTERS = re.compile("[\x00\ud800-\udfff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
MAX_TITLE_LENGTH = 500
_FIRST, LAST_TIME = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def a_text(most: int) -> str:
    """Return the message about an invalid text.

    Args:
        most: the highest number of characters.
    """
    return f"Must be 1 to {most} characters of text, not blank."


AN_ID = a_text(MAX_ID_LENGTH)


def is_id(value: object) -> TypeGuard[str]:
    """Return whether a value is an id: 1 to 255 characters, not blank, no NUL, valid Unicode.

    Args:
        value: a value of any type.
    """
    return is_text(value, MAX_ID_LENGTH)


def is_text(value: object, most: int) -> TypeGuard[str]:
    """Return whether a value is a text that is not blank, without NUL, in valid Unicode.

    Args:
        value: a value of any type.
        most: the highest number of characters.
    """
    if not isinstance(value, str) or len(value) > most or not value.strip():
        return False
    return not _INVALID_CHARACTERS.search(value)


def is_unicode(value: object) -> TypeGuard[str]:
    """Return whether a value is text of valid Unicode, as every response must be.

    Args:
        value: a value of any type.
    """
    return isinstance(value, str) and not _SURROGATES.search(value)


def require_ids(**values: object) -> None:
    """Reject invalid ids.

    Args:
        values: ids by the names of their fields.

    Raises:
        InvalidFields: naming each invalid id.
    """
    if not all(map(is_id, values.values())):
        _reject({name: AN_ID for name, value in values.items() if not is_id(value)})


def given(**values: object) -> dict[str, object]:
    """Return the values that are not None, to require them.

    Args:
        values: by the names of their fields.
    """
    return {name: value for name, value in values.items() if value is not None}


def require_texts(most: int, /, **values: object) -> None:
    """Reject invalid texts.

    Args:
        most: the highest number of characters.
        values: texts by the names of their fields.

    Raises:
        InvalidFields: naming each invalid text.
    """
    _reject({name: a_text(most) for name, value in values.items() if not is_text(value, most)})


def require_numbers(least: int = 0, most: int = WHOLE_NUMBER_LIMIT, /, **values: object) -> None:
    """Reject values that are not whole numbers from `least` to `most`; booleans are not numbers.

    Args:
        least: the smallest valid number.
        most: the largest valid number.
        values: numbers by the names of their fields.

    Raises:
        InvalidFields: naming each invalid number.
    """
    invalid = [
        name
        for name, value in values.items()
        if type(value) is not int or not least <= value <= most
    ]
    if invalid:
        _reject(dict.fromkeys(invalid, f"Must be a whole number, {least} to {most}."))


def require_booleans(**values: object) -> None:
    """Reject values that are neither True nor False.

    Args:
        values: booleans by the names of their fields.

    Raises:
        InvalidFields: naming each value that is not a boolean.
    """
    invalid = {name for name, value in values.items() if not isinstance(value, bool)}
    _reject(dict.fromkeys(invalid, "Must be true or false."))


def require_times(**values: object) -> None:
    """Reject values that are not datetimes with a time zone.

    Args:
        values: times by the names of their fields.

    Raises:
        InvalidFields: naming each invalid time.
    """
    invalid = {
        name
        for name, value in values.items()
        if not isinstance(value, datetime) or value.utcoffset() is None
    }
    _reject(dict.fromkeys(invalid, "Must be a datetime with a time zone."))


def in_utc(time: datetime) -> datetime:
    """Return a time in UTC; the nearest possible one if the year would not be 1 to 9999.

    Args:
        time: with a time zone.
    """
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return _FIRST if time.year == _FIRST.year else LAST_TIME


def _reject(faults: dict[str, str]) -> None:
    if faults:
        raise InvalidFields({name: [message] for name, message in faults.items()})
