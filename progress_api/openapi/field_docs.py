"""The bounds of fields in the document, as far as apispec cannot know them."""

from typing import Any

from marshmallow import fields

from progress_api.validation import MAX_ID_LENGTH, WHOLE_NUMBER_LIMIT
from progress_api.web.fields import Id, Seconds, Text, UserId, WholeNumber

# Python's blank characters in full: what \s matches differs between languages.
_BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Any text with a character that is neither blank nor NUL, and without NUL.
_SOMETHING = rf"[^\u0000]*[^{_BLANK}\u0000][^\u0000]*"
_NOT_BLANK = f"^{_SOMETHING}$"
_EMPTY_OR_NOT_BLANK = f"^({_SOMETHING})?$"


def describe_field(_: object, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Return the bounds of a field in JSON Schema, for apispec.

    Args:
        field: of a request's or a response's schema.
        ret: what apispec has found out; the default is removed from it.
    """
    # A default of null says nothing, and some generators would then require the field.
    ret.pop("default", None)
    bounds: dict[str, Any] = {}
    if "description" in ret:
        bounds["description"] = ret.pop("description")  # before the bounds
    if isinstance(field, WholeNumber):
        bounds["minimum"] = max(0, field.least)
        bounds["maximum"] = min(WHOLE_NUMBER_LIMIT, field.most)
    if isinstance(field, UserId):
        bounds |= {"maxLength": MAX_ID_LENGTH, "pattern": _EMPTY_OR_NOT_BLANK}
    elif isinstance(field, Id):
        bounds |= {"minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": _NOT_BLANK}
    if isinstance(field, Text):
        bounds |= {"minLength": 1, "maxLength": field.most, "pattern": _NOT_BLANK}
    if isinstance(field, Seconds):
        bounds["type"] = ["number", "null"] if field.allow_none else "number"
    return bounds
