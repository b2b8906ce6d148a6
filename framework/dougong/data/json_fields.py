"""Fields of JSON objects, checked one by one, for readers that tell what is wrong with a row."""

from typing import Any


class BadRowError(Exception):
    """What is wrong with a row."""


def text_field(value: Any, name: str) -> str:
    """A text that says something.

    Raises:
        BadRowError: it is missing, no text, or empty; the message names the field.
    """
    if not isinstance(value, str):
        raise BadRowError(f"`{name}` is {'missing' if value is None else 'not a text'}.")
    if not value.strip():
        raise BadRowError(f"`{name}` is empty.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRowError(f"`{name}` is not Unicode text (half of a pair of surrogates).") from None
    return value


def object_list(value: Any, name: str) -> list[Any]:
    """A list; what is missing is an empty one.

    Raises:
        BadRowError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRowError(f"`{name}` is not a list.")
    return value
