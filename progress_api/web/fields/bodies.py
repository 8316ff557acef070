"""What bodies hold, and how the fields of a request are read (spec 1.11, 1.12)."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast

from marshmallow import EXCLUDE, Schema, ValidationError, missing
from marshmallow.exceptions import SCHEMA

from progress_api.exceptions import InvalidFields
from progress_api.web.fields.values import IN_HEADER, UserId

_Record = TypeVar("_Record")


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
            if IN_HEADER in field.metadata
        }


class LearnerBody(RequestBody[_Record]):
    """The body of a request that is about a learner."""

    user_id = UserId()


NO_BODY: RequestBody[None] = RequestBody()
LEARNER_BODY: LearnerBody[None] = LearnerBody()


class ResponseSchema(Schema):
    """What a response, or a part of one, holds; clients must expect more fields."""

    class Meta:
        """A later version may send more fields."""

        unknown = EXCLUDE


def _by_path(messages: Mapping[Any, Any], parent: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the messages about each invalid field, such as `chapters[2].title`."""
    for name, message in messages.items():
        path = f"{parent}[{name}]" if isinstance(name, int) else f"{parent}.{name}".lstrip(".")
        path = parent if parent and name == SCHEMA else path  # about the whole object
        if isinstance(message, Mapping):
            yield from _by_path(message, path)
        else:
            yield path, message
