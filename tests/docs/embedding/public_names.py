"""Generate the table of docs/public-names.md from the code.

Print it with `python -m tests.docs.embedding.public_names`, and paste it.
"""

import inspect
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import progress_api
from progress_api import InvalidFields, ProgressAPI, Settings

# One argument for each setting: docs/settings.md lists them.
_ABBREVIATED = {Settings: "Settings(*, database_url: str, …)"}
# What an instance has and a class does not show.
_HELD = {
    InvalidFields: ("fields: dict[str, list[str]]", "Each bad field, and its messages."),
    ProgressAPI: ("blueprint: Blueprint", "What is mounted, such as to exempt it."),
}


def table() -> str:
    """All rows in Markdown."""
    lines = ["| name | |", "| --- | --- |"]
    for name, says in rows():
        shown = name.replace("|", "\\|")
        lines.append(f"| `{shown}` | {says} |")
    return "\n".join(lines) + "\n"


def rows() -> Iterator[tuple[str, str]]:
    """Each public name, or public member of one, with its types; and what it is."""
    for name in progress_api.__all__:
        value = getattr(progress_api, name)
        if not callable(value):
            yield f"{name}: {type(value).__name__}", "One to register without an object of its own."
            continue
        yield _ABBREVIATED.get(value) or f"{name}{_signature(value)}", _says(value)
        if inspect.isclass(value):
            for shown, says in _members(value):
                yield f"{name}.{shown}", says


def _members(kind: type) -> Iterator[tuple[str, str]]:
    if kind in _HELD:
        yield _HELD[kind]
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(value, property) and value.fget:
            yield f"{name}: {_type(inspect.signature(value.fget).return_annotation)}", _says(value)
        elif inspect.isfunction(value) or isinstance(value, classmethod):
            yield f"{name}{_signature(getattr(kind, name))}", _says(value)


def _signature(value: Any) -> str:
    given = inspect.signature(value)
    parameters = [
        one.replace(annotation=_Shown(_type(one.annotation)))
        for one in given.parameters.values()
        if one.name != "self" and _is_public(one.annotation)
    ]
    returned = given.return_annotation
    if returned in (None, inspect.Signature.empty):
        return str(given.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    shown = _Shown(_type(returned))
    return str(given.replace(parameters=parameters, return_annotation=shown))


def _is_public(annotation: Any) -> bool:
    """Whether the package exports all of its own types in it; arguments of others are not shown."""
    if parts := annotation if isinstance(annotation, list) else get_args(annotation):
        return all(map(_is_public, parts))
    if not getattr(annotation, "__module__", "").startswith("progress_api"):
        return True
    return annotation.__name__ in progress_api.__all__


class _Shown:
    """An annotation that is written as it is read here."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _type(annotation: Any) -> str:
    """A type without the modules of its parts."""
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(_type(part) for part in get_args(annotation))
    if annotation is NoneType:
        return "None"
    written = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", written)


def _says(value: Any) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]


if __name__ == "__main__":
    print(table())  # noqa: T201
