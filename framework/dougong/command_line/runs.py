"""`dougong runs [DIR ...] [--json]`: what has been trained here, and how it stands."""

import json
import os
import time
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dougong.errors import UserError
from dougong.runs.differences import Settings, differences, label
from dougong.runs.folders import find_runs
from dougong.runs.read import Run, read_run
from dougong.runs.sparkline import duration, figure, sparkline
from dougong.runs.words import command

USAGE = "usage: dougong runs [DIR ...] [--json]"
HELP = f"""dougong runs: list runs

{USAGE}

  DIR      folders of runs, or one run (default: outputs and multirun)
  --json   for programs

Each run with its state (running, done, failed, interrupted), its best validation metric, when it was last heard of, its
training loss from the first to the last update, and the settings in which the listed runs differ.
"""
COLOURS = {"running": "cyan", "done": "green", "failed": "red", "interrupted": "yellow"}


def run(arguments: list[str]) -> int:
    """List."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    folders = [word for word in arguments if not word.startswith("-")]
    if unknown := [word for word in arguments if word.startswith("-") and word != "--json"]:
        raise UserError(f"{unknown[0]}: there is no such option. {USAGE}")
    found = sorted((read_run(folder) for folder in find_runs(folders)), key=lambda item: item.started)
    _, settings = differences(found)
    if "--json" in arguments:
        rows = [describe(item, own) for item, own in zip(found, settings, strict=True)]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    _print(found, settings)
    return 0


def describe(item: Run, settings: Settings) -> dict[str, Any]:
    """A run in plain values; what is not known is null."""
    return {
        "folder": str(item.folder),
        "state": item.state,
        "metric": item.main_metric,
        "best": _finite(item.best),
        "metrics": {name: _finite(value) for name, value in item.metrics.items()},
        "differs": settings,
        "started": item.started,
        "last_change": item.last_change,
        "seconds": item.seconds,
        "error": item.record.get("error"),
        "command": command(item),
        "problems": item.problems,
    }


def _finite(value: float | None) -> float | None:
    """JSON knows no NaN."""
    return value if value is not None and abs(value) < float("inf") else None


def _print(found: list[Run], settings: list[Settings]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    metrics = {item.main_metric for item in found if item.best is not None}
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column(metrics.pop() if len(metrics) == 1 else "best", justify="right", no_wrap=True)
    for name in ("age", "train/loss"):
        table.add_column(name, no_wrap=True)
    table.add_column("what differs", overflow="fold")
    now = time.time()
    for item, own in zip(found, settings, strict=True):
        loss = item.curves.get("train/loss")
        best = figure(item.best) + (f" {item.main_metric.removeprefix('valid/')}" if metrics else "")
        table.add_row(
            Text(os.path.relpath(item.folder)),
            Text(item.state, COLOURS[item.state]),
            best,
            duration(now - item.last_change),
            sparkline(loss.values) if loss else "",
            _remarks(item, own),
        )
    console = Console(highlight=False)
    console.width = max(console.width, 120)
    console.print(table)
    console.print("dougong compare A B says more of two runs, dougong report of all.")


def _remarks(item: Run, settings: Settings) -> Text:
    text = Text(label(settings))
    error = item.record.get("error")
    for line in [*([str(error)] if item.state == "failed" and error else []), *item.problems]:
        text.append(f"{' ' if text else ''}({line})", "red")
    return text
