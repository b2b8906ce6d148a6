"""All plugins that can be chosen, from every source, by kind and name."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS
from dougong.registry import discovery
from dougong.registry.decorator import registered, where
from dougong.registry.plugin import Plugin

FOLDERS_VARIABLE = "DOUGONG_PLUGINS"


class Catalogue:
    """The plugins of this process. Broken ones are listed too, with the reason, and break nothing else."""

    def __init__(self, folders: Iterable[str | Path] = ()) -> None:
        """`folders` are searched beside those that the environment variable `DOUGONG_PLUGINS` names."""
        self._plugins: dict[tuple[str, str], Plugin] = {}
        self._refused: list[Plugin] = []
        named = filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep))
        found = (
            discovery.built_in(),
            discovery.in_folders(named, FOLDERS_VARIABLE),
            discovery.in_folders(folders),
            discovery.installed(),
        )
        for plugin in chain.from_iterable(found):
            self._add(plugin)

    def _add(self, plugin: Plugin) -> None:
        other = self._plugins.get((plugin.kind, plugin.name))
        if other is None:
            self._plugins[plugin.kind, plugin.name] = plugin
        elif other.origin == discovery.BUILT_IN and plugin.module:
            # A package that is merely installed can't take a built-in plugin away; a folder was named by the user.
            plugin.clash = f"the name is taken by the built-in plugin at {other.location}."
            self._refused.append(plugin)
        elif other.location != plugin.location:
            other.clash = f"two plugins are called {plugin.key}: {other.location} and {plugin.location}; rename one."

    def _registered_now(self) -> None:
        """Take in what was registered at run time: in a notebook, or in a test."""
        for (kind, name), plugin in registered.items():
            known = self._plugins.get((kind, name))
            if known is None or (known.source is None and known._class is not plugin):
                found = Plugin(kind, name, "this process", module=where(plugin), _class=plugin)
                self._plugins[kind, name] = found

    def __iter__(self) -> Iterator[Plugin]:
        self._registered_now()
        return iter(_sorted(self._plugins.values()))

    def with_refused(self) -> list[Plugin]:
        """All plugins, and those of installed packages that bear the name of a built-in one and can't be chosen."""
        return _sorted([*self, *self._refused])

    def names(self, kind: str) -> list[str]:
        """The names of that kind, sorted."""
        return sorted(plugin.name for plugin in self if plugin.kind == kind)

    def find(self, kind: str, name: str) -> Plugin | None:
        """The plugin, or None."""
        self._registered_now()
        return self._plugins.get((kind, name))

    def get(self, kind: str, name: str) -> Plugin:
        """The plugin.

        Raises:
            UserError: there is no such kind or plugin; the message offers the nearest name.
        """
        if kind not in KINDS:
            raise UserError(f"{kind}: there is no such kind of plugin. {suggestion(kind, KINDS, 'Kinds')}")
        plugin = self.find(kind, name)
        if plugin is None:
            raise UserError(f"{kind}={name}: there is no such {kind}. {suggestion(name, self.names(kind))}")
        return plugin


def _sorted(plugins: Iterable[Plugin]) -> list[Plugin]:
    order = {kind: index for index, kind in enumerate(KINDS)}
    return sorted(plugins, key=lambda item: (order.get(item.kind, len(order)), item.name))


_catalogues: dict[tuple[tuple[str, ...], str | None], Catalogue] = {}


def catalogue(folders: Iterable[str | Path] = ()) -> Catalogue:
    """The catalogue with these plugin folders; made once for each set of folders."""
    key = (tuple(str(Path(folder).resolve()) for folder in folders), os.environ.get(FOLDERS_VARIABLE))
    if key not in _catalogues:
        _catalogues[key] = Catalogue(key[0])
    return _catalogues[key]
