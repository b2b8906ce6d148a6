"""Small configurations put together without Hydra: of one plugin with what fills its slots, or of a whole run."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dougong.compose.check import ROOTS, check, unused_choice
from dougong.compose.compose import compose_unchecked
from dougong.compose.conf_folder import slot_defaults
from dougong.compose.config_source import install, plain, plugin_folders
from dougong.compose.fit import Part, refusal
from dougong.compose.run_folder import register_run_folder
from dougong.compose.settings import RunSettings
from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin
from dougong.registry.signature import Slot
from dougong.registry.values import fill

Config = dict[str, Any]


class NoDataError(UserError):
    """No data plugin that is installed can be used to try a task."""


def trial_settings(plugin: Plugin, folder: Path) -> dict[str, Any]:
    """The settings that a plugin declares for trials: small, and in need of no files but those that it writes itself.

    A plugin declares them in a class method `trial_settings(folder)`, whose folder is its own to write to.
    """
    declared = getattr(plugin.load(), "trial_settings", None)
    if declared is None:
        return {}
    own = folder / plugin.kind / plugin.name
    own.mkdir(parents=True, exist_ok=True)
    return dict(declared(own))


def part_configuration(
    plugin: Plugin, catalogue: Catalogue, folder: Path, settings: Mapping[str, Any] | None = None
) -> Config:
    """The configuration of one plugin and of what fills its slots.

    Raises:
        UserError: a setting is wrong or missing.
    """
    config: Config = {"plugin_path": list(plugin_folders())}
    _put(config, plugin.kind, [plugin], folder, settings or {})
    _fill_slots(config, [plugin], {}, catalogue, folder, {})
    return config


def run_configuration(
    plugins: Iterable[Plugin],
    catalogue: Catalogue,
    folder: Path,
    run: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    """The checked configuration of a run with these plugins, what they leave open being as in `dougong train`.

    Nothing is tracked or called back that is not named here, and the data is such that the task can take it.

    Args:
        plugins: at most one of a kind.
        run: the run's own settings: `trainer`, `loader`, `seed`.
        settings: those of what is named here, by kind.

    Raises:
        UserError: they don't fit together, or no part of the model would use one of them.
    """
    named = {plugin.kind: plugin for plugin in plugins}
    given = settings or {}
    config: Config = {**plain(RunSettings()), **(run or {}), "plugin_path": list(plugin_folders())}
    named.setdefault("task", _task_for(named.values(), catalogue))
    named.setdefault("data", _data_for(named["task"], catalogue, folder))
    for root in ROOTS:
        chosen = [named[root]] if root in named else [catalogue.get(root, name) for name in _default(root)]
        _put(config, root, chosen, folder, given.get(root, {}))
    _fill_slots(config, _roots(config, catalogue), named, catalogue, folder, given)
    for kind, plugin in named.items():
        if kind not in config:
            raise UserError(unused_choice(kind, config, catalogue, f"{kind}={plugin.name}"))
    return check(config, catalogue)


def _task_for(plugins: Iterable[Plugin], catalogue: Catalogue) -> Plugin:
    """The default task, or the first that goes with all of the plugins."""
    parts = [Part(plugin.kind, plugin) for plugin in plugins]
    default = default_plugin("task", catalogue)
    tasks = [default, *(plugin for plugin in catalogue if plugin.kind == "task" and not plugin.problem)]
    fitting = (task for task in tasks if not any(refusal(Part("task", task), part, catalogue) for part in parts))
    return next(fitting, default)


def _put(config: Config, slot: str, plugins: list[Plugin], folder: Path, given: Mapping[str, Any]) -> None:
    nodes = {}
    for plugin in plugins:
        several = KINDS[plugin.kind].several
        settings = {**trial_settings(plugin, folder), **given}
        key = f"{slot}.{plugin.name}" if several else slot
        nodes[plugin.name] = {"name": plugin.name, **plain(fill(plugin.schema, settings, key))}
        if not several:
            config[slot] = nodes[plugin.name]
            return
    config[slot] = nodes


def _fill_slots(
    config: Config,
    owners: list[Plugin],
    named: Mapping[str, Plugin],
    catalogue: Catalogue,
    folder: Path,
    given: Mapping[str, Mapping[str, Any]],
) -> None:
    """Fill the slots of the owners, and theirs in turn: the one that bears a kind's name with what is named of it."""
    queue = list(owners)
    while queue:
        for slot in queue.pop(0).signature.slots:
            if slot.name in config:
                continue
            if slot.name in named:
                found = [named[slot.name]]
            else:
                found = [catalogue.get(slot.kind, name) for name in _choice(slot)]
            if found:
                _put(config, slot.name, found, folder, given.get(slot.name, {}))
                queue.extend(found)


def _choice(slot: Slot) -> list[str]:
    chosen = None if slot.optional else slot.default or slot_defaults().get(slot.kind)
    return [] if chosen is None else [chosen] if isinstance(chosen, str) else list(chosen)


def _roots(config: Config, catalogue: Catalogue) -> list[Plugin]:
    """The plugins of the roots that are not of a kind of which several may be chosen."""
    return [catalogue.get(root, config[root]["name"]) for root in ROOTS if not KINDS[root].several]


def _default(root: str) -> list[str]:
    return [] if KINDS[root].several else [_default_roots()[root]]


def default_plugin(root: str, catalogue: Catalogue) -> Plugin:
    """The plugin of a root that `dougong train` chooses when nothing is said."""
    return catalogue.get(root, _default_roots()[root])


@cache
def _default_roots() -> dict[str, str]:
    """What `dougong train` chooses when nothing is said."""
    install()
    register_run_folder()
    config = compose_unchecked([])
    return {root: config[root]["name"] for root in ROOTS if not KINDS[root].several}


def _data_for(task: Plugin, catalogue: Catalogue, folder: Path) -> Plugin:
    """Data that the task can take: the default where that does, else any that can be had without files.

    Raises:
        NoDataError: there is none.
    """
    names = [_default_roots()["data"], *catalogue.names("data")]
    for plugin in (catalogue.get("data", name) for name in names):
        if plugin.problem or task.fact("accepts") not in plugin.fact("yields"):
            continue
        try:
            fill(plugin.signature, trial_settings(plugin, folder), "data")
        except UserError:
            continue
        return plugin
    raise NoDataError(f"no installed data plugin that can do without files gives {task.fact('accepts')}.")
