"""A page for each kind of plugin: all that are built in, with settings, types, defaults and papers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from markup import cell, code, default, docstring, sources
from source_pages import class_text

from dougong.command_line.plugins import describe_fully
from dougong.compose.conf_folder import presets
from dougong.compose.config_source import current_catalogue, plain
from dougong.kinds import KINDS, Kind
from dougong.registry.discovery import BUILT_IN
from dougong.registry.plugin import Plugin
from dougong.registry.signature import REQUIRED, Setting
from dougong.registry.wording import describe_type


def plugins_of(kind: str) -> list[Plugin]:
    """The built-in plugins of a kind; what else this machine has is not ours to document."""
    return [plugin for plugin in current_catalogue() if plugin.kind == kind and plugin.origin == BUILT_IN]


def kind_page(kind: Kind) -> str:
    """The page of a kind."""
    found = plugins_of(kind.name)
    how = "Several may be chosen, each set under its own name" if kind.several else "One is chosen"
    chosen = f"`{kind.name}=[A,B]`, `{kind.name}.A.SETTING=VALUE`" if kind.several else f"`{kind.name}=NAME`"
    contract = class_text(*kind.base.split(":")) if kind.base.startswith("dougong.") else ""
    parts = [
        f"# {kind.name}",
        f"{kind.what[0].upper()}{kind.what[1:]}.",
        f"{how}: {chosen}.",
        _overview(found),
        *_presets(kind.name),
        *(section for plugin in found for section in _plugin(kind, plugin)),
    ]
    if contract:
        parts += ["## The contract", "What [a plugin of one's own](../guides/write_a_plugin.md) fills in.", contract]
    return "\n\n".join(parts) + "\n"


def _overview(found: Iterable[Plugin]) -> str:
    rows = (
        f"| [`{plugin.name}`](#{plugin.name}) | {cell(plugin.summary)} | {', '.join(sources(_about(plugin)))} |"
        for plugin in found
    )
    return "\n".join(["| name | what it is | source |", "|---|---|---|", *rows])


def _about(plugin: Plugin) -> str:
    return plugin.doc.partition("Args:")[0]


def _presets(kind: str) -> Iterator[str]:
    named = presets(kind)
    if not named:
        return
    rows = []
    for name, path in named.items():
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        rows.append(f"| `{kind}={name}` | {cell(first.removeprefix('#').strip())} |")
    yield "\n".join(["| preset | |", "|---|---|", *rows])


def _plugin(kind: Kind, plugin: Plugin) -> Iterator[str]:
    yield f"## {plugin.name} {{ #{plugin.name} }}"
    told = describe_fully(plugin)
    yield docstring(plugin.doc, without=("Args",))
    prefix = f"{kind.name}.{plugin.name}." if kind.several else f"{kind.name}."
    yield settings_table(plugin.schema.settings, prefix) if told["settings"] else "It has no settings."
    yield from _facts(told)


def _facts(told: dict[str, Any]) -> Iterator[str]:
    for slot in told["slots"]:
        chosen = slot["default"]
        by_default = ", ".join(chosen) if isinstance(chosen, list) else chosen or "none"
        yield f"Slot `{slot['name']}`: takes [{slot['kind']}]({slot['kind']}.md), by default `{by_default}`."
    facts = [
        f"`{name}`: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in told["facts"].items()
        if value
    ]
    if facts:
        yield "What decides [whether it fits](../concepts.md#fit): " + "; ".join(facts) + "."


def settings_table(settings: Sequence[Setting], prefix: str) -> str:
    """The settings of one constructor; `prefix` goes before their names on the command line."""
    rows = [
        f"| `{prefix}{item.name}` | {code(describe_type(item.type))} | {_default(item)} | {cell(item.help)} |"
        for item in settings
    ]
    return "\n".join(["| setting | type | default | meaning |", "|---|---|---|---|", *rows])


def _default(setting: Setting) -> str:
    return "required" if setting.default is REQUIRED else default(plain(setting.default))


def kinds_table() -> str:
    """All kinds, with how many plugins each has."""
    rows = []
    for kind in KINDS.values():
        names = ", ".join(f"[`{plugin.name}`]({kind.name}.md#{plugin.name})" for plugin in plugins_of(kind.name))
        rows.append(f"| [{kind.name}]({kind.name}.md) | {cell(kind.what)} | {names} |")
    return "\n".join(["| kind | what it is | plugins |", "|---|---|---|", *rows])
