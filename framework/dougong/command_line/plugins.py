"""`dougong plugins [show KIND/NAME]`: what can be combined, and where each piece comes from."""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dougong.command_line.curve import curve
from dougong.command_line.drawn import about_drawing, prefix
from dougong.command_line.pattern import pattern
from dougong.command_line.words import parse
from dougong.compose.compose import prepare
from dougong.compose.conf_folder import presets, slot_defaults
from dougong.compose.config_source import current_catalogue, plain
from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin
from dougong.registry.signature import REQUIRED, Setting, Slot
from dougong.registry.wording import describe_type

USAGE = (
    "usage: dougong plugins [list] [KIND] [--json] [plugin_path=[DIR]]"
    " | dougong plugins show KIND/NAME [--json | --plot]"
)
HELP = f"""dougong plugins: what can be combined, and where each piece comes from

{USAGE}

  KIND               only this kind: {", ".join(KINDS)}
  show KIND/NAME     settings, types, defaults, paper, limits of one plugin
  new KIND/NAME      write one of your own: a file and its test; dougong plugins new --help says more
  check KIND/NAME    run the checks of its kind on one plugin; dougong plugins check --help says more
  matrix             what goes with what; dougong plugins matrix --help says more
  --json             for programs
  plugin_path        folders of plugins of your own (also by the environment variable DOUGONG_PLUGINS)

A schedule's curve is drawn, and with --plot what an attention sees, also with settings and a length of yours:
  dougong plugins show schedule/cosine schedule.warmup=200 updates=5000
  dougong plugins show attention/sparse --plot attention.sparse.rate=4 length=64 causal=true
"""

PLOT = "--plot"
DRAWN = {"schedule": curve, "attention": pattern}
SUBCOMMANDS = {name: f"dougong.command_line.plugins_{name}" for name in ("new", "check", "matrix")}


def run(arguments: list[str]) -> int:
    """List plugins, or show one."""
    if arguments and arguments[0] in SUBCOMMANDS:
        command: Callable[[list[str]], int] = import_module(SUBCOMMANDS[arguments[0]]).run
        return command(arguments[1:])
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    options = [word for word in arguments if word.startswith("-")]
    if unknown := [word for word in options if word not in ("--json", PLOT)]:
        raise UserError(f"{unknown[0]}: there is no such option. {USAGE}")
    settings = [word for word in arguments if "=" in word]
    names = [word for word in arguments if word not in options and word not in settings]
    shown = names[1] if names[:1] == ["show"] and names[1:] else ""
    _check_plot(shown, options)
    to_draw = [word for word in settings if about_drawing(shown, word)] if "--json" not in options else []
    settings = [word for word in settings if word not in to_draw]
    parse(settings, ("plugin_path",), USAGE)
    prepare(settings)
    catalogue = current_catalogue()
    as_json = "--json" in options
    if names[:1] == ["list"]:
        names = names[1:]
    if names and names[0] == "show":
        _show(_find(names[1:], catalogue), as_json, to_draw, PLOT in options or bool(to_draw))
    else:
        _list(catalogue, names, as_json)
    return 0


def _check_plot(shown: str, options: Sequence[str]) -> None:
    kind = shown.partition("/")[0]
    if PLOT in options and (kind not in DRAWN or "--json" in options):
        raise UserError(f"{PLOT}: draws {' and '.join(DRAWN)} alone, as dougong plugins show attention/local {PLOT}.")


def _find(names: Sequence[str], catalogue: Catalogue) -> Plugin:
    if len(names) != 1 or names[0].count("/") != 1:
        raise UserError(f"show: takes one KIND/NAME, as attention/local. {USAGE}")
    kind, name = names[0].split("/")
    return catalogue.get(kind, name)


def _list(catalogue: Catalogue, kinds: Sequence[str], as_json: bool) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"{kind}: there is no such kind of plugin. {suggestion(kind, KINDS, 'Kinds')}")
    rows = [describe(plugin) for plugin in catalogue.with_refused() if not kinds or plugin.kind in kinds]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", min_width=50)
    table.add_column("from", overflow="fold")  # the path of a folder may be long
    previous = ""
    for row in rows:
        what = Text(f"broken: {row['problem']}", "red") if row["problem"] else Text(row["summary"])
        table.add_row(row["kind"] if row["kind"] != previous else "", row["name"], what, Text(row["origin"]))
        previous = row["kind"]
    console = _console()
    console.print(table)
    console.print("Choose with KIND=NAME; dougong plugins show KIND/NAME tells the settings.")


def describe(plugin: Plugin) -> dict[str, Any]:
    """A plugin in plain values."""
    problem = plugin.problem
    if problem is None:
        try:
            _ = plugin.schema
        except UserError as error:
            problem = str(error)
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "summary": "" if problem else plugin.summary,
        "origin": plugin.origin,
        "location": plugin.location,
        "problem": problem,
    }


def describe_fully(plugin: Plugin) -> dict[str, Any]:
    """A plugin in plain values, with what it takes and which facts decide what it goes with.

    Raises:
        UserError: the plugin can't be used.
    """
    return {
        **describe(plugin),
        "doc": plugin.doc,
        "settings": [_setting(item) for item in plugin.schema.settings],
        "slots": [_slot(item) for item in plugin.signature.slots],
        "facts": {name: _plain_fact(plugin.fact(name)) for name in KINDS[plugin.kind].facts},
        "presets": sorted(presets(plugin.kind)),
    }


def _show(plugin: Plugin, as_json: bool, to_draw: Sequence[str], plot: bool) -> None:
    found = describe_fully(plugin)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    # A curve takes no time; to ask an attention what it sees takes PyTorch.
    wanted = plugin.kind == "schedule" or (plugin.kind in DRAWN and plot)
    picture = DRAWN[plugin.kind](plugin, to_draw) if wanted else []
    console = _console()
    console.print(Text(plugin.key, "bold") + f"  ({plugin.origin}, {plugin.location})", soft_wrap=True)
    for paragraph in plugin.doc.partition("Args:")[0].strip().split("\n\n"):
        console.print(Text("\n" + " ".join(paragraph.split())))
    _print_settings(console, plugin, found["settings"])
    for slot in found["slots"]:
        console.print(Text(f"slot {slot['name']}: takes {slot['kind']}=..., by default {_join(slot['default'])}"))
    for name, value in found["facts"].items():
        if value:
            console.print(Text(f"{name}: {_join(value)}"))
    for line in picture:
        console.print(Text(line), soft_wrap=True)


def _print_settings(console: Console, plugin: Plugin, settings: list[dict[str, Any]]) -> None:
    if not settings:
        console.print("It has no settings.\n")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("setting", "type", "default", "meaning"):
        table.add_column(column, no_wrap=column == "setting")
    for item in settings:
        default = "required" if item["required"] else json.dumps(item["default"], ensure_ascii=False)
        table.add_row(*map(Text, (f"{prefix(plugin)}.{item['name']}", item["type"], default, item["help"])))
    console.print(table)


def _setting(setting: Setting) -> dict[str, Any]:
    required = setting.default is REQUIRED
    return {
        "name": setting.name,
        "type": describe_type(setting.type),
        "required": required,
        "default": None if required else plain(setting.default),
        "help": setting.help,
    }


def _slot(slot: Slot) -> dict[str, Any]:
    default = None if slot.optional else slot.default or slot_defaults().get(slot.kind)
    return {"name": slot.name, "kind": slot.kind, "default": default}


def _console() -> Console:
    """Wide enough for a table, also where the output is no terminal."""
    console = Console(highlight=False)
    console.width = max(console.width, 110)
    return console


def _join(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _plain_fact(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else plain(value)
