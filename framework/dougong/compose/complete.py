"""Settings that nobody gave and pretrained weights know."""

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import Any

from dougong.compose.check import Config, chosen, used_slots
from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.values import MISSING


class Said:
    """Which keys of a configuration somebody gave: the command line, a preset, an experiment.

    Args:
        compose: composes once more, without the plugins' defaults.
    """

    def __init__(self, compose: Callable[[], Config]) -> None:
        self._compose = compose

    def __call__(self, key: str) -> bool:
        """Whether a setting, as `encoder.layers`, or a plugin, as `tokenizer`, was given; null is as good as not."""
        found: Any = self._config
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict):
            found = found.get("name")
        return found is not None and found != MISSING

    @cached_property
    def _config(self) -> Config:
        return self._compose()


def complete(config: Config, said: Said, catalogue: Catalogue) -> Config:
    """The configuration with what the weights know that an encoder is to start with.

    Each plugin that has a setting `pretrained` and states a `completion` decides: that function is called with the
    configuration, the plugin's slot, `said` and the catalogue, and returns the configuration.

    Raises:
        UserError: there are no such weights, or what was said contradicts them.
    """
    for name, kind in used_slots(config, catalogue).items():
        if KINDS[kind].several or (config.get(name) or {}).get("pretrained", MISSING) == MISSING:
            continue
        for plugin in chosen(config, name, kind, catalogue):
            address = plugin.fact("completion")
            if address is not None:
                module, _, function = address.partition(":")
                config = getattr(import_module(module), function)(config, name, said, catalogue)
    return config


def settle(config: Config, key: str, value: Any, said: Said, source: str) -> None:
    """Set a setting of a plugin, as `encoder.layers`, to what the weights have.

    Args:
        source: where that is written, for messages.

    Raises:
        UserError: another value was given.
    """
    slot, name = key.split(".")
    given = config[slot].get(name)
    if said(key) and given != value:
        raise UserError(f"{key}: is {_shown(given)} here and {_shown(value)} in {source}; leave it out.")
    config[slot][name] = value


def prefer(config: Config, key: str, value: Any, said: Said) -> None:
    """Set a setting that the weights do not depend on, where nobody gave it."""
    slot, name = key.split(".")
    if not said(key):
        config[slot][name] = value


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
