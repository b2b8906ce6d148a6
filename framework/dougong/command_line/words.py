"""`KEY=VALUE` words for the commands that compose nothing."""

from collections.abc import Sequence
from typing import Any

import yaml

from dougong.errors import UserError, suggestion


def parse(words: Sequence[str], allowed: Sequence[str], usage: str) -> dict[str, Any]:
    """The words as a mapping; `data.` in `allowed` takes every key that begins so.

    Raises:
        UserError: a word is not KEY=VALUE, or its key is unknown.
    """
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{word}: not KEY=VALUE. {usage}")
        if key not in allowed and not any(name.endswith(".") and key.startswith(name) for name in allowed):
            shown = [f"{name}..." if name.endswith(".") else name for name in allowed]
            raise UserError(f"{key}: there is no such setting. {suggestion(key, shown)}")
        values[key] = value
    return values


def value_of(text: str) -> Any:
    """A value as YAML reads it: a number, true, null, a list, or the text itself."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
