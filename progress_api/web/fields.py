"""Fields of requests and responses that all capabilities share, and what every body may hold."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing, validate
from marshmallow.exceptions import SCHEMA

from progress_api.exceptions import InvalidFields
from progress_api.validation import (
    AN_ID,
    MAX_ID_LENGTH,
    WHOLE_NUMBER_LIMIT,
    a_text,
    is_id,
    is_text,
)

IDEMPOTENCY_KEY = "Idempotency-Key"
_IN_HEADER = "in_header"  # in the metadata of a field that is sent as a header
USER_ID = (
    "The learner. A request may leave it out, or give null or an empty text, and is then for the "
    "token's learner. Only a token with the admin scope may name another learner."
)
_DIGITS = re.compile("[0-9]{1,10}")
_Record = TypeVar("_Record")


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
        options["metadata"][_IN_HEADER] = True
        length = validate.Length(1, MAX_ID_LENGTH)
        super().__init__(**options, load_default=None, allow_none=False, validate=length)


class Body(NamedTuple, Generic[_Record]):
    """A request body that was read.

    Args:
        user_id: the learner that it names; None or "" if it names no learner.
        record: what the capability makes of the other fields.
    """

    user_id: str | None
    record: _Record


class RequestBody(Schema, Generic[_Record]):
    """The body of a request; other fields than those of the schema are ignored (spec 1.12)."""

    class Meta:
        """Clients may send more fields."""

        unknown = EXCLUDE

    def read(self, values: Mapping[str, Any]) -> Body[_Record]:
        """Return the body that these values are.

        Args:
            values: by their names in JSON.

        Raises:
            InvalidFields: names each invalid field.
        """
        loaded = self.load_values(values)
        return Body(loaded.pop("user_id", None), self.to_record(loaded))

    def load_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the valid fields, by their names in Python; raise InvalidFields as `read` does.

        Asks each field itself, in half the time of `Schema.load` and its options that no body uses.
        """
        loaded: dict[str, Any] = {}
        invalid: dict[str, Any] = {}
        for name, field in self.load_fields.items():
            key = field.data_key or name
            try:
                loaded[name] = field.deserialize(values.get(key, missing), key, values)
            except ValidationError as error:
                invalid[key] = error.messages
        if invalid:
            raise InvalidFields(dict(_by_path(invalid)))
        return loaded

    def to_record(self, values: dict[str, Any]) -> _Record:
        """Return what the repository takes.

        Args:
            values: the valid fields, by their names in Python.
        """
        return cast("_Record", values)

    @cached_property
    def empty(self) -> Body[_Record]:
        """The body that an empty object is, and a request without a body.

        Raises:
            InvalidFields: names each required field.
        """
        return self.read({})

    @cached_property
    def headers(self) -> dict[str, str]:
        """The header of each field that is sent as one, by the name of the field in Python."""
        return {
            name: field.data_key or name
            for name, field in self.fields.items()
            if _IN_HEADER in field.metadata
        }


class LearnerBody(RequestBody[_Record]):
    """The body of a request that is about a learner."""

    user_id = UserId()


def _by_path(messages: Mapping[Any, Any], parent: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the messages about each invalid field, such as `chapters[2].title`."""
    for name, found in messages.items():
        path = f"{parent}[{name}]" if isinstance(name, int) else f"{parent}.{name}".lstrip(".")
        path = parent if parent and name == SCHEMA else path  # about the whole object
        if isinstance(found, Mapping):
            yield from _by_path(found, path)
        else:
            yield path, found


class ResponseSchema(Schema):
    """What a response, or a part of one, holds; clients must expect more fields."""

    class Meta:
        """A later version may send more fields."""

        unknown = EXCLUDE
