"""What tells runs apart: the settings in which their configurations differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dougong.runs.read import Config, Run

Settings = dict[str, Any]
WITHOUT_EFFECT = ("tracker", "resume", "trainer.progress", "save_predictions")
"""What changes nothing of what is learnt."""
MAY_BE_NONE = ("wrapper", "callback")
"""Choices that a configuration leaves out where nothing is chosen."""
SEED = "seed"


def settings_of(config: Config) -> Settings:
    """A configuration as one level of names: `attention` is the choice, `attention.local.window` a setting of it."""
    found = {name: value for name, value in _flat("", config) if not _among(name, WITHOUT_EFFECT)}
    return found | {name: found.get(name, "none") for name in MAY_BE_NONE if config}


def differing(all_settings: Sequence[Settings]) -> list[str]:
    """The names whose values are not the same everywhere, in the order of the configuration.

    What only some have, since others have chosen another plugin, differs only if it differs among them.
    """
    values: dict[str, set[str]] = {}
    for settings in all_settings:
        for name, value in settings.items():
            values.setdefault(name, set()).add(as_text(value))
    return [name for name, found in values.items() if len(found) > 1]


def differences(runs: Sequence[Run]) -> tuple[list[str], list[Settings]]:
    """The names that differ among runs, and each run's values of them."""
    all_settings = [settings_of(run.config) for run in runs]
    names = differing(all_settings)
    return names, [{name: settings[name] for name in names if name in settings} for settings in all_settings]


def label(settings: Mapping[str, Any]) -> str:
    """Settings in one line, as the command line takes them."""
    return " ".join(f"{name}={as_text(value)}" for name, value in settings.items())


def as_text(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def variants(all_settings: Sequence[Settings]) -> list[list[int]]:
    """Runs that differ in nothing but the seed, together: their places, in order of appearance."""
    found: dict[str, list[int]] = {}
    for place, settings in enumerate(all_settings):
        rest = {name: value for name, value in settings.items() if name != SEED}
        found.setdefault(json.dumps(rest, sort_keys=True, default=str), []).append(place)
    return list(found.values())


def _flat(prefix: str, node: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        name = f"{prefix}{key}"
        if not isinstance(value, dict):
            if key != "name" or not prefix:
                yield name, value
        elif "name" in value:
            yield from _choice(name, str(value["name"]), value)
        elif value and all(isinstance(item, dict) and "name" in item for item in value.values()):
            yield name, ",".join(str(item["name"]) for item in value.values())
            for inner, item in value.items():
                yield from _flat(f"{name}.{inner}.", item)
        else:
            yield from _flat(f"{name}.", value)


def _choice(name: str, chosen: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield name, chosen
    yield from _flat(f"{name}.", value)


def _among(name: str, left_out: Sequence[str]) -> bool:
    return any(name == item or name.startswith(f"{item}.") for item in left_out)
