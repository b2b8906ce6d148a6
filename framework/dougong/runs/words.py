"""The command that makes a run again."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from dougong.kinds import KINDS
from dougong.runs.read import Run


def command(run: Run) -> str:
    """What to type to train the same once more.

    The words that made it, where they are known. A run made from Python has none: every setting of it is named, which
    makes many words that do not depend on today's defaults.
    """
    words = run.overrides if run.overrides is not None else tuple(_words(run.config))
    return shlex.join(["dougong", "train", *words])


def _words(config: Mapping[str, Any]) -> Iterator[str]:
    settings = []
    for name, node in config.items():
        if isinstance(node, dict) and "name" in node:
            yield f"{name}={node['name']}"
            settings += list(_settings(name, node))
        elif isinstance(node, dict) and (name in KINDS or _holds_plugins(node)):
            yield f"{name}=[{','.join(node)}]"
            settings += [word for key, item in node.items() for word in _settings(f"{name}.{key}", item)]
        elif isinstance(node, dict):
            settings += list(_settings(name, node))
        elif name != "resume":
            yield f"{name}={_value(node)}"
    yield from settings


def _holds_plugins(node: Mapping[str, Any]) -> bool:
    return bool(node) and all(isinstance(item, dict) and "name" in item for item in node.values())


def _settings(prefix: str, node: Mapping[str, Any]) -> Iterator[str]:
    for name, value in node.items():
        if name == "name":
            continue
        if isinstance(value, dict) and value and name != "groups":  # whose keys are patterns, with dots
            yield from _settings(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}={_value(value)}"


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = value.replace("_", "").replace("/", "").replace("-", "").replace(".", "")
        return value if plain.isascii() and plain.isalpha() else "'" + re.sub(r"(\\*)'", r"\1\1\\'", value) + "'"
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_key(key)}:{_value(item)}' for key, item in value.items())}}}"
    return repr(value)


def _key(name: str) -> str:
    """A dictionary's key, which Hydra's grammar takes without quotes alone."""
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", name)
