"""The plugin that is being checked, and making it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin
from dougong.testing.configuration import Config, part_configuration
from dougong.training.assemble import Assembly


@dataclass(frozen=True)
class Subject:
    """A plugin under check.

    Args:
        folder: empty, of this check's own, and gone after it.
        settings: those of the plugin that the user gave.
    """

    plugin: Plugin
    catalogue: Catalogue
    folder: Path
    settings: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The plugin's kind."""
        return self.plugin.kind

    @property
    def cls(self) -> Any:
        """The plugin's class."""
        return self.plugin.load()

    def states(self, fact: str, word: str) -> bool:
        """Whether a fact of the plugin, such as `supports`, names this."""
        return word in self.plugin.fact(fact)

    def with_plugin(self, plugin: Plugin) -> "Subject":
        """Another plugin, with its own settings, in the same place."""
        return Subject(plugin, self.catalogue, self.folder, {})

    def configuration(self, **settings: Any) -> Config:
        """The plugin's configuration, with what fills its slots.

        Args:
            settings: in place of those that the user gave.

        Raises:
            UserError: a setting is wrong or missing.
        """
        return part_configuration(self.plugin, self.catalogue, self.folder, {**self.settings, **settings})

    def make(self, supplied: Mapping[str, Any] | None = None, ready: Mapping[str, Any] | None = None, **settings: Any):  # type: ignore[no-untyped-def]
        """A new instance, as a run would make it.

        Args:
            supplied: what the framework gives to constructors of this kind.
            ready: parts that exist already, by the slot that they fill.
            settings: in place of those that the user gave.
        """
        assembly = Assembly(self.configuration(**settings), dict(ready or {}))
        if KINDS[self.kind].several:
            return assembly.make_all(self.kind, **(supplied or {}))[0]
        return assembly.make(self.kind, **(supplied or {}))


def base_class(kind: str) -> type:
    """The class that plugins of this kind derive from."""
    module, _, name = KINDS[kind].base.partition(":")
    base: type = getattr(import_module(module), name)
    return base
