"""The types of fields, and what names and describes a field."""

import re
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from progress_api.validation import (
    AN_ID,
    MAX_ID_LENGTH,
    WHOLE_NUMBER_LIMIT,
    a_text,
    is_id,
    is_text,
)

IDEMPOTENCY_KEY = "Idempotency-Key"
IN_HEADER = "in_header"  # in the metadata of a field that is sent as a header
USER_ID = (
    "The learner. A request may leave it out, or give null or an empty text, and is then for the "
    "token's learner. Only a token with the admin scope may name another learner."
)
_DIGITS = re.compile("[0-9]{1,10}")


def named(name: str, description: str) -> dict[str, Any]:
    """Return the arguments that name and describe a field.

    Args:
        name: in JSON.
        description: its meaning, for the OpenAPI document.
    """
    return {"data_key": name, "metadata": {"description": description}}


class _Quick(fields.Field[Any]):
    """A field that most often has no validators; marshmallow would build an empty one each time."""

    def _validate(self, value: Any) -> None:
        if self.validators:
            super()._validate(value)


class Id(_Quick, fields.String):
    """An identifier (spec 3.1)."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not is_id(value):
            raise ValidationError(AN_ID)
        return value


class Text(_Quick, fields.String):
    """A text that is not blank (spec 3.11)."""

    def __init__(self, most: int, **options: Any) -> None:
        """Accept at most `most` characters."""
        self.most = most
        super().__init__(**options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not is_text(value, self.most):
            raise ValidationError(a_text(self.most))
        return value


class UserId(Id):
    """The learner that a request is for; the empty text is the same as no field (spec 1.13)."""

    def __init__(self, *, allow_none: bool = True) -> None:
        """Name the field `userId`.

        Args:
            allow_none: whether null is the same as no field, too.
        """
        super().__init__(**named("userId", USER_ID), load_default=None, allow_none=allow_none)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        return value if value == "" else super()._deserialize(value)


class WholeNumber(_Quick, fields.Integer):
    """A whole number; `8.0` is 8, and `8.5`, `"8"` and `true` are invalid (spec 3.5, 3.7)."""

    default_error_messages = {"invalid": f"Must be a whole number, at most {WHOLE_NUMBER_LIMIT}."}

    def __init__(self, least: float = 0, most: float = WHOLE_NUMBER_LIMIT, **options: Any) -> None:
        """Accept numbers from `least` to `most`, both included."""
        self.least, self.most = least, most
        super().__init__(**options)

    def _validated(self, value: Any) -> int:
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        if not is_whole or not self.least <= value <= self.most:
            raise self.make_error("invalid")
        return int(value)


class QueryNumber(WholeNumber):
    """A whole number in a query, in decimal digits."""

    def _validated(self, value: Any) -> int:
        number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None
        if number is None or not self.least <= number <= self.most:
            raise ValidationError(f"Must be a whole number, {self.least} to {self.most}.")
        return number


class Seconds(WholeNumber):
    """A number of seconds, rounded down to a whole number (spec 3.4)."""

    default_error_messages = {"invalid": f"Must be a number of seconds, 0 to {WHOLE_NUMBER_LIMIT}."}

    def _validated(self, value: Any) -> int:
        if type(value) is float and 0 <= value <= WHOLE_NUMBER_LIMIT:
            return int(value)
        return super()._validated(value)


class TrueOrFalse(_Quick, fields.Boolean):
    """A JSON boolean; `0`, `1` and `"true"` are invalid (spec 3.7)."""

    default_error_messages = {"invalid": "Must be true or false."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class IdempotencyKey(fields.String):
    """The header `Idempotency-Key` (spec 3.9)."""

    def __init__(self, description: str) -> None:
        """Describe what the key marks."""
        options = named(IDEMPOTENCY_KEY, description)
        options["metadata"][IN_HEADER] = True
        length = validate.Length(1, MAX_ID_LENGTH)
        super().__init__(**options, load_default=None, allow_none=False, validate=length)


def rfc3339(time: datetime) -> str:
    """Return a time as text (spec 5.2).

    Args:
        time: in UTC.
    """
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
