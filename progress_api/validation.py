"""What an id and a number may be (contract, "identifiers and numbers")."""

import re

from progress_api.exceptions import InvalidFields

MAX_ID_LENGTH = 255
WHOLE_NUMBER_LIMIT = 2_147_483_647
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
AN_ID = f"Must be 1 to {MAX_ID_LENGTH} characters of text, not blank."


def is_id(value: object) -> bool:
    """An id is 1 to 255 characters, not blank, no NUL, valid Unicode.

    Args:
        value: of any type.
    """
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH or not value.strip():
        return False
    return not _NO_TEXT.search(value)


def require_ids(**values: object) -> None:
    """Refuse what is no id.

    Args:
        values: each by the name of its field.

    Raises:
        InvalidFields: naming each that is none.
    """
    _refuse({name: AN_ID for name, value in values.items() if not is_id(value)})


def require_numbers(least: int = 0, most: int = WHOLE_NUMBER_LIMIT, **values: object) -> None:
    """Refuse what is no whole number from `least` to `most`.

    Args:
        least: the smallest number allowed.
        most: the largest number allowed.
        values: each by the name of its field; a boolean is no number.

    Raises:
        InvalidFields: naming each that is none.
    """
    message = f"Must be a whole number, {least} to {most}."
    _refuse(
        {
            name: message
            for name, value in values.items()
            if type(value) is not int or not least <= value <= most
        }
    )


def require_booleans(**values: object) -> None:
    """Refuse what is neither true nor false.

    Args:
        values: each by the name of its field.

    Raises:
        InvalidFields: naming each that is neither.
    """
    wrong = {name for name, value in values.items() if not isinstance(value, bool)}
    _refuse(dict.fromkeys(wrong, "Must be true or false."))


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        raise InvalidFields({name: [message] for name, message in faults.items()})
