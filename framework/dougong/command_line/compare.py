"""`dougong compare A B`: what differs between two runs, in configuration and result."""

from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dougong.errors import UserError
from dougong.runs.bootstrap import Comparison, compare, resampled_means
from dougong.runs.differences import as_text, differing, settings_of
from dougong.runs.folders import is_run
from dougong.runs.predictions import read_predictions
from dougong.runs.read import Run, number, read_run
from dougong.runs.sparkline import figure

USAGE = "usage: dougong compare A B"
HELP = f"""dougong compare: two runs side by side

{USAGE}

  A, B   run folders

The settings and the facts (versions, commit, machine) that differ, every metric of the best checkpoints with its
difference, time and memory. Where both runs saved their predictions of the same test records, also whether the
difference is more than the choice of those records explains (paired bootstrap).
"""
MEASURED = ("seconds", "peak_memory_mib", "peak_gpu_memory_mib")


def run(arguments: list[str]) -> int:
    """Compare."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    if len(arguments) != 2:
        raise UserError(f"dougong compare: takes two run folders. {USAGE}")
    for word in arguments:
        if not is_run(Path(word).expanduser()):
            raise UserError(f"{word}: there is no run; dougong runs lists those that there are.")
    first, second = (read_run(Path(word).expanduser()) for word in arguments)
    console = Console(highlight=False)
    console.width = max(console.width, 110)
    for item, name in ((first, "A"), (second, "B")):
        problems = "".join(f"; {line}" for line in item.problems)
        console.print(Text(f"{name}  {item.folder}  ({item.state}{problems})"), soft_wrap=True)
    console.print(_settings(first, second))
    console.print(_results(first, second))
    console.print(Text(_verdict(first, second)), soft_wrap=True)
    return 0


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _settings(first: Run, second: Run) -> Table | str:
    known = [settings_of(item.config) | _facts(item) for item in (first, second)]
    table = _table("differs", "A", "B")
    # What only one of two has is a difference, and follows from the choice above it.
    names = differing([{name: own.get(name) for name in known[0] | known[1]} for own in known])
    for name in names:
        table.add_row(name, *(Text(as_text(own[name]) if name in own else "–") for own in known))
    return table if names else "\nThe same configuration.\n"


def _facts(item: Run) -> dict[str, object]:
    packages = item.facts.get("packages")
    names = ("dougong", "git_commit", "device", "precision", "parameters")
    found = {name: item.facts[name] for name in names if name in item.facts}
    return {f"({name})": value for name, value in (found | (packages if isinstance(packages, dict) else {})).items()}


def _results(first: Run, second: Run) -> Table | str:
    table = _table("result", "A", "B", "B - A")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in dict.fromkeys((*first.metrics, *second.metrics)):
        one, other = first.metrics.get(name), second.metrics.get(name)
        table.add_row(name, figure(one), figure(other), _difference(one, other, ".4f"))
    for name in MEASURED:
        one, other = number(first.record.get(name)), number(second.record.get(name))
        if one is not None or other is not None:
            shown = ["" if value is None else f"{value:,.1f}" for value in (one, other)]
            table.add_row(name, *shown, _difference(one, other, ",.1f"))
    return table if table.rows else "\nNo results yet.\n"


def _difference(one: float | None, other: float | None, form: str) -> str:
    return "" if one is None or other is None else f"{other - one:+{form}}"


def _verdict(first: Run, second: Run) -> str:
    found = [read_predictions(item.folder, "test") for item in (first, second)]
    one, other = found
    if one is None or other is None:
        lacking = " and ".join(name for name, item in zip("AB", found, strict=True) if item is None)
        return f"No comparison by test records: {lacking} saved no predictions of them."
    if one.identities != other.identities or one.metric != other.metric or not one.identities:
        return "No comparison by test records: the runs were tested on different ones, or by different metrics."
    scores = np.stack([one.scores, other.scores])
    return words(compare(scores, resampled_means(scores), 0, 1), one.metric, len(one.identities))


def words(result: Comparison, metric: str, records: int) -> str:
    """A comparison in a sentence."""
    sure = "more" if result.p < 0.05 else "no more"
    return (
        f"{metric}, mean over {records:,} test records: B - A = {result.difference:+.4f}, 95% interval "
        f"[{result.low:+.4f}, {result.high:+.4f}], p = {result.p:.4f}: {sure} than the choice of records explains."
    )
