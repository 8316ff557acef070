"""Valid ids and numbers (spec 3.1 to 3.7)."""

import re
from typing import TypeGuard

from progress_api.exceptions import InvalidFields

MAX_ID_LENGTH = 255
WHOLE_NUMBER_LIMIT = 2_147_483_647
_INVALID_CHARACTERS = re.compile("[\x00\ud800-\udfff]")
AN_ID = f"Must be 1 to {MAX_ID_LENGTH} characters of text, not blank."


def is_id(value: object) -> TypeGuard[str]:
    """Return whether a value is an id: 1 to 255 characters, not blank, no NUL, valid Unicode.

    Args:
        value: a value of any type.
    """
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH or not value.strip():
        return False
    return not _INVALID_CHARACTERS.search(value)


def require_ids(**values: object) -> None:
    """Reject invalid ids.

    Args:
        values: ids by the names of their fields.

    Raises:
        InvalidFields: naming each invalid id.
    """
    _reject({name: AN_ID for name, value in values.items() if not is_id(value)})


def require_numbers(least: int = 0, most: int = WHOLE_NUMBER_LIMIT, **values: object) -> None:
    """Reject values that are not whole numbers from `least` to `most`; booleans are not numbers.

    Args:
        least: the smallest valid number.
        most: the largest valid number.
        values: numbers by the names of their fields.

    Raises:
        InvalidFields: naming each invalid number.
    """
    message = f"Must be a whole number, {least} to {most}."
    _reject(
        {
            name: message
            for name, value in values.items()
            if type(value) is not int or not least <= value <= most
        }
    )


def require_booleans(**values: object) -> None:
    """Reject values that are neither True nor False.

    Args:
        values: booleans by the names of their fields.

    Raises:
        InvalidFields: naming each value that is not a boolean.
    """
    invalid = {name for name, value in values.items() if not isinstance(value, bool)}
    _reject(dict.fromkeys(invalid, "Must be true or false."))


def _reject(faults: dict[str, str]) -> None:
    if faults:
        raise InvalidFields({name: [message] for name, message in faults.items()})
