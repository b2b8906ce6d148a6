"""Checks a composed configuration before anything heavy is imported: names, types, bounds, use, compatibility."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dougong.compose.conf_folder import presets
from dougong.compose.config_source import plain, plugin_folders
from dougong.compose.fit import Part, check_parts
from dougong.compose.groups import check_groups
from dougong.compose.processes import check_processes, check_shards
from dougong.compose.settings import RunSettings
from dougong.errors import UserError, nearest, suggestion
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin, class_signature
from dougong.registry.values import fill

ROOTS = ("task", "data", "optimizer", "wrapper", "schedule", "tracker", "callback")

Config = dict[str, Any]


def check(config: Config, catalogue: Catalogue) -> Config:
    """The configuration with every value converted to its type, as plain containers.

    Raises:
        UserError: something is unknown, wrong, unused or does not fit together; one line, with the key.
    """
    run_names = [setting.name for setting in class_signature(RunSettings).settings]
    used = used_slots(config, catalogue)
    for key in config:
        if key not in used and key not in run_names:
            raise UserError(_unknown(key, config, catalogue, [*used, *run_names]))
    checked: Config = plain(RunSettings(**_run_settings({key: config[key] for key in run_names if key in config})))
    check_processes(checked["trainer"])
    checked["plugin_path"] = _plugin_path(checked["plugin_path"])
    for name, kind in used.items():
        if config.get(name) is not None:
            nodes = {f"{name}.{key}": node for key, node in _nodes(kind, name, config[name])}
            values = {key: _settings(kind, node, key, catalogue) for key, node in nodes.items()}
            several = KINDS[kind].several
            checked[name] = (
                {value["name"]: value for value in values.values()} if several else next(iter(values.values()))
            )
        elif not KINDS[kind].several and name in ROOTS:
            raise UserError(f"{name}: has to be chosen. {suggestion('', catalogue.names(kind))}")
    _check_filled(checked, used, catalogue)
    check_groups(catalogue.get("optimizer", checked["optimizer"]["name"]), checked["optimizer"]["groups"])
    check_fit(checked, used, catalogue)
    return checked


def _run_settings(given: Config) -> Config:
    return fill(class_signature(RunSettings), given, "")


def _plugin_path(folders: list[str]) -> list[str]:
    """The folders, absolute, so that the run can be resumed from anywhere."""
    paths = [str(Path(folder).expanduser().resolve()) for folder in folders]
    for path in paths:
        # What a file says would be read too late: the folders decide what a file may choose.
        if path not in plugin_folders():
            raise UserError(f"plugin_path: has to be given on the command line, as plugin_path={path}")
    return paths


def _check_filled(config: Config, used: dict[str, str], catalogue: Catalogue) -> None:
    """Whether every slot that can't be empty has a plugin."""
    for name, kind in used.items():
        for plugin in chosen(config, name, kind, catalogue):
            for slot in plugin.signature.slots:
                may_be_empty = slot.optional or (KINDS[slot.kind].several and not slot.per_layer)
                if not may_be_empty and not config.get(slot.name):
                    needs = f"{plugin.kind}={plugin.name} needs one"
                    raise UserError(f"{slot.name}: {needs}. {suggestion('', catalogue.names(slot.kind))}")


def used_slots(config: Config, catalogue: Catalogue) -> dict[str, str]:
    """The keys that hold plugins, with their kinds: the roots, and the slots of what is chosen, from the top down."""
    used: dict[str, str] = {root: root for root in ROOTS}
    queue = list(ROOTS)
    while queue:
        name = queue.pop(0)
        for plugin in chosen(config, name, used[name], catalogue):
            for slot in plugin.signature.slots:
                if slot.name not in used:
                    used[slot.name] = slot.kind
                    queue.append(slot.name)
    return used


def chosen(config: Config, name: str, kind: str, catalogue: Catalogue) -> Iterator[Plugin]:
    """The plugins that a key of the configuration chooses."""
    if config.get(name) is None:
        return
    for key, node in _nodes(kind, name, config[name]):
        if not isinstance(node, dict) or "name" not in node:
            raise UserError(f"{f'{name}.{key}'.strip('.')}: {_not_a_plugin(kind, key, catalogue)}")
        yield catalogue.get(kind, node["name"])


def _nodes(kind: str, name: str, node: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        raise UserError(f"{name}: must name a {kind}, got {node!r}.")
    if KINDS[kind].several:
        yield from node.items()
    else:
        yield "", node


def _not_a_plugin(kind: str, key: str, catalogue: Catalogue) -> str:
    if key and catalogue.find(kind, key):
        return f"{kind}/{key} is not chosen here; add it, as {kind}=[...,{key}], or leave its settings out."
    if key:
        return f"there is no such {kind} here. {suggestion(key, catalogue.names(kind))}"
    return f"this preset does not end in a registered {kind}; its `defaults` must begin with one."


def _settings(kind: str, node: Config, key: str, catalogue: Catalogue) -> Config:
    plugin = catalogue.get(kind, node["name"])
    if plugin.problem:
        raise UserError(f"{plugin.key} can't be used: {plugin.problem}")
    given = {name: value for name, value in node.items() if name != "name"}
    return {"name": plugin.name, **plain(fill(plugin.schema, given, key.strip(".")))}


def _unknown(key: str, config: Config, catalogue: Catalogue, known: list[str]) -> str:
    if key in KINDS:
        return unused_choice(key, config, catalogue, f"{key}=...")
    if key == "experiment":
        return f"{key}: the file sets nothing, since its first line is not `# @package _global_`; add that line."
    close = nearest(key, known)
    return f"{key}: there is no such setting.{f' Did you mean `{close}`?' if close else ''} Known: {', '.join(known)}."


def unused_choice(kind: str, config: Config, catalogue: Catalogue, said: str) -> str:
    """Why a choice can't be: nothing in the composition has a slot for it, and what would have one.

    Args:
        said: the words that make the choice.
    """
    owners = [plugin for plugin in catalogue if not plugin.problem and has_slot(plugin, kind)]
    for owner in owners:
        node = config.get(owner.kind)
        if isinstance(node, dict) and "name" in node:
            names = [f"{item.kind}={item.name}" for item in owners if item.kind == owner.kind]
            here = f"{owner.kind}={node['name']}"
            return f"{here} has no {kind}; remove {said}, or choose {' or '.join(names)}."
    users = " or ".join(f"{item.kind}={item.name}" for item in owners)
    return f"nothing that is chosen takes {said}; remove it{f', or choose {users}' if users else ''}."


def has_slot(plugin: Plugin, kind: str) -> bool:
    try:
        return any(slot.kind == kind for slot in plugin.signature.slots)
    except UserError:
        return False


def check_fit(config: Config, used: dict[str, str], catalogue: Catalogue) -> None:
    """Whether the chosen plugins go together, by the facts that their classes state.

    Raises:
        UserError: two of them don't, with the reason.
    """
    parts = [Part(name, plugin) for name, kind in used.items() for plugin in chosen(config, name, kind, catalogue)]
    check_parts(parts, catalogue)
    check_shards(config["trainer"], parts)


def check_presets(catalogue: Catalogue) -> None:
    """Whether a preset bears a plugin's own name, which would make Hydra go round in circles.

    Raises:
        UserError: one does; the message names both files.
    """
    for kind in KINDS:
        for name, path in presets(kind).items():
            plugin = catalogue.find(kind, name)
            if plugin:
                raise UserError(
                    f"{path} bears the name of the plugin {plugin.key} ({plugin.location}); rename the preset."
                )
