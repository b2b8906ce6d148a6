"""`KEY=VALUE` words for the commands that compose nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
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


def checkpoint_of(words: Mapping[str, Any], usage: str) -> str:
    """The checkpoint that the words name, known to exist before torch is imported to read it.

    Raises:
        UserError: there is none.
    """
    if "checkpoint" not in words:
        raise UserError(f"checkpoint: has to be given. {usage}")
    path = str(words["checkpoint"])
    if not Path(path).expanduser().exists():
        raise UserError(f"checkpoint: {path} does not exist; `dougong train` names its checkpoint at its end.")
    return path


def value_of(text: str) -> Any:
    """A value as YAML reads it: a number, true, null, a list, or the text itself."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
