"""Puts plugins together: makes each chosen one, and fills its slots with the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue, catalogue
from dougong.registry.signature import Slot
from dougong.registry.values import fill

Config = dict[str, Any]


class Assembly:
    """Makes plugins from one configuration.

    Args:
        config: a checked configuration.
        ready: parts that exist already, by the name of the slot that they fill (a fitted tokenizer, say).
    """

    def __init__(self, config: Config, ready: dict[str, Any] | None = None) -> None:
        self.config = config
        self.ready = ready or {}
        self.catalogue: Catalogue = catalogue(_existing(config.get("plugin_path", [])))

    def make(self, name: str, kind: str | None = None, **supplied: Any) -> Any:
        """The plugin that is chosen for a slot, with what the framework supplies to its constructor."""
        kind = kind or name
        if name in self.ready:
            return self.ready[name]
        node = self.config.get(name)
        return None if node is None else self._make(kind, node, name, supplied)

    def make_all(self, name: str, kind: str | None = None, **supplied: Any) -> list[Any]:
        """All plugins that are chosen for a slot of a kind that takes several, in their order."""
        nodes = self.config.get(name) or {}
        return [self._make(kind or name, node, f"{name}.{key}", supplied) for key, node in nodes.items()]

    def adapters_chosen(self) -> list[str]:
        """The callbacks that change the network, by their keys: those with `adapt(task)`, which is called before its
        weights are trained or loaded from a checkpoint, and answers with lines for the user, and `merge(task)`, which
        is called before it is used."""
        found = []
        for key, node in (self.config.get("callback") or {}).items():
            plugin = self.catalogue.find("callback", node["name"])  # what only watched a training need not be there
            if plugin is not None and hasattr(plugin.load(), "adapt"):
                found.append(key)
        return found

    def adapters(self) -> list[Any]:
        """New instances of these callbacks."""
        nodes = self.config.get("callback") or {}
        return [self._make("callback", nodes[key], f"callback.{key}", {}) for key in self.adapters_chosen()]

    def per_layer(self, name: str, kind: str) -> Callable[[int], Any]:
        """A function from number to a new part, cycling over the chosen plugins where the kind takes several."""
        if not KINDS[kind].several:
            return lambda number: self._make(kind, self.config[name], name, {})
        nodes = list((self.config.get(name) or {}).items())
        if not nodes:
            raise UserError(f"{name}: has to be chosen, as {name}=...")

        def make(layer: int) -> Any:
            key, node = nodes[layer % len(nodes)]
            return self._make(kind, node, f"{name}.{key}", {})

        return make

    def _make(self, kind: str, node: Config, key: str, supplied: dict[str, Any]) -> Any:
        plugin = self.catalogue.get(kind, node["name"])
        cls = plugin.load()
        settings = fill(plugin.signature, plugin.own(node), key)
        slots = {slot.name: self._fill(slot) for slot in plugin.signature.slots}
        try:
            return cls(**supplied, **slots, **settings)
        except UserError:
            raise
        except ValueError as error:
            named = str(error).partition(":")[0].partition(".")[0] in settings
            raise UserError(f"{key}.{error}" if named else f"{key}: {error}") from error

    def _fill(self, slot: Slot) -> Any:
        if slot.per_layer:
            return self.per_layer(slot.name, slot.kind)
        if KINDS[slot.kind].several and slot.name not in self.ready:
            return self.make_all(slot.name, slot.kind)
        return self.make(slot.name, slot.kind)


def _existing(folders: list[str]) -> list[str]:
    """The plugin folders that are still there; a checkpoint may have been taken to where they are not."""
    return [folder for folder in folders if Path(folder).exists()]
