"""Fields of the JSON objects that readers find in files."""

from collections.abc import Mapping
from typing import Any


class BadRowError(Exception):
    """What is wrong with a row."""


def text_of(row: Mapping[str, Any], key: str) -> str:
    """The text of a field.

    Raises:
        BadRowError: it is missing, empty, or no text.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise BadRowError(f"`{key}` is {'missing' if value is None else 'not a text'}.")
    if not value.strip():
        raise BadRowError(f"`{key}` is empty.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRowError(f"`{key}` is not Unicode text (half of a pair of surrogates).") from None
    return value


def list_of(row: Mapping[str, Any], key: str, what: type, default: Any = None) -> list[Any]:
    """The list of a field, all of whose items are of one type: `dict` for objects, `list` for lists, `str` for texts.

    Raises:
        BadRowError: it is missing where there is no default, or something else.
    """
    value = row.get(key, default)
    if not isinstance(value, list) or not all(isinstance(item, what) for item in value):
        names: dict[type, str] = {dict: "objects", list: "lists", str: "texts"}
        named = names[what]
        raise BadRowError(f"`{key}` is {'missing' if value is None else f'not a list of {named}'}.")
    return value
