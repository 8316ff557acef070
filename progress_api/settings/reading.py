"""Read the values of settings, and say what is wrong with them."""

from collections.abc import Mapping
from dataclasses import Field, field
from typing import Any

from progress_api.exceptions import SettingsError
from progress_api.settings.setting_types import DATABASE, PRIVATE_PEM, SECRET, STORE, SettingType


def define(default: Any, setting_type: SettingType, help_text: str) -> Any:
    """Return the field of `Settings` that is one setting.

    Args:
        default: the value if it is not given; MISSING if it is required.
        setting_type: parses its text.
        help_text: one sentence for the table of settings.
    """
    is_secret = setting_type in (SECRET, DATABASE, STORE, PRIVATE_PEM)
    metadata = {"type": setting_type, "help": help_text}
    return field(default=default, metadata=metadata, repr=not is_secret)


def as_text(name: str, value: Any) -> str:
    """Return a value as the text that its setting type parses.

    Args:
        name: of the setting.
        value: in a host app's config, of any type.

    Raises:
        SettingsError: the value is bytes.
    """
    if isinstance(value, bytes):
        raise SettingsError(f"{name} is bytes; it must be a text.")
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read_all(
    names: Mapping[Field[Any], str], texts: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values by the names of the fields, and one sentence for each invalid one.

    Args:
        names: of the settings, as a message names them.
        texts: their values by these names; blank for the default.
    """
    values: dict[str, Any] = {}
    faults = []
    for setting, name in names.items():
        values[setting.name] = setting.default
        if texts[name].strip():
            try:
                values[setting.name] = parsed(setting, name, texts[name])
            except SettingsError as error:
                faults.append(error.detail)
                del values[setting.name]
    return values, faults


def parsed(setting: Field[Any], name: str, text: str) -> Any:
    """Return the value of a setting.

    Args:
        setting: the field of `Settings`.
        name: as the message names it.
        text: the value as text.

    Raises:
        SettingsError: the value is not allowed.
    """
    kind: SettingType = setting.metadata["type"]
    try:
        return kind.parse(text)
    except (ValueError, LookupError):
        # The value itself is not repeated: it may be a secret.
        needed = f"it must be {kind.description}."
        raise SettingsError(f"{name} has a value that is not allowed: {needed}") from None


def reject(faults: list[str]) -> None:
    """Raise SettingsError if there are faults.

    Args:
        faults: one sentence each.
    """
    if faults:
        raise SettingsError("\n".join(faults))
