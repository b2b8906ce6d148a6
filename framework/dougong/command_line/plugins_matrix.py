"""`dougong plugins matrix`: what goes with what, of all that is installed."""

import json

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dougong.command_line.words import parse
from dougong.compose.compose import prepare
from dougong.compose.config_source import current_catalogue
from dougong.compose.matrix import AXES, Matrix
from dougong.errors import UserError
from dougong.registry.plugin import Plugin

USAGE = "usage: dougong plugins matrix [plugin_path=[DIR,...]] [--json]"
HELP = f"""dougong plugins matrix: what goes with what, of all that is installed

{USAGE}

A table for each two kinds that constrain each other, and below it why two plugins don't go together.

  plugin_path   folders of plugins of your own (also by the environment variable DOUGONG_PLUGINS)
  --json        for programs
"""


def run(arguments: list[str]) -> int:
    """Print the matrix."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    options = [word for word in arguments if word.startswith("-")]
    if unknown := [word for word in options if word != "--json"]:
        raise UserError(f"{unknown[0]}: there is no such option. {USAGE}")
    words = [word for word in arguments if word not in options]
    parse(words, ("plugin_path",), USAGE)
    prepare(words)
    matrix = Matrix(current_catalogue())
    if "--json" in options:
        _print_json(matrix)
    else:
        _print(matrix)
    return 0


def _print_json(matrix: Matrix) -> None:
    pairs = [pair for kinds in matrix.tables for pair in matrix.pairs(*kinds)]
    rows = [{"one": pair.one.key, "other": pair.other.key, "reason": pair.reason} for pair in pairs]
    print(json.dumps({"pairs": rows, "broken": matrix.broken}, ensure_ascii=False, indent=1))


def _print(matrix: Matrix) -> None:
    console = Console(highlight=False)
    console.width = max(console.width, 150)
    for one, other in matrix.tables:
        _print_table(console, matrix, one, other)
    for kind in matrix.free:
        names = ", ".join(plugin.name for plugin in matrix.plugins[kind])
        console.print(Text(f"Any {kind} goes with all of these: {names}."))
    for key, problem in matrix.broken.items():
        console.print(Text(f"left out {key}: {problem}"), soft_wrap=True)
    fit, total = matrix.counts()
    axes = " x ".join(kind for kind in AXES if kind in matrix.plugins)
    console.print(Text(f"{fit:,} of {total:,} combinations of {axes} can be run."))


def _print_table(console: Console, matrix: Matrix, one: str, other: str) -> None:
    # The longer kind goes downwards.
    rows, columns = sorted((one, other), key=lambda kind: -len(matrix.plugins[kind]))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"{rows} x {columns}", no_wrap=True)
    for plugin in matrix.plugins[columns]:
        table.add_column(plugin.name)
    reasons: list[str] = []
    for row in matrix.plugins[rows]:
        cells = []
        for column in matrix.plugins[columns]:
            reason = _note(row, column, matrix.reason(row, column))
            if reason is not None and reason not in reasons:
                reasons.append(reason)
            cells.append(Text("yes") if reason is None else Text(f"no ({reasons.index(reason) + 1})", "red"))
        table.add_row(row.name, *cells)
    console.print(table)
    for number, reason in enumerate(reasons, 1):
        console.print(Text(f"({number}) {reason}"), soft_wrap=True)
    if reasons:
        console.print()


def _note(one: Plugin, other: Plugin, reason: str | None) -> str | None:
    """The reason, in as few notes as can be: what records a task takes is said once, not for each data plugin."""
    if reason is None or {one.kind, other.kind} != {"task", "data"}:
        return reason
    task = one if one.kind == "task" else other
    return f"task={task.name} takes {task.fact('accepts')}."
