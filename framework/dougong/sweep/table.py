"""The end of a sweep: its jobs side by side, the best first, and what went wrong."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dougong.secrets import hide, hide_word
from dougong.sweep.job import Outcome

FILE = "jobs.csv"


def best_first(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The jobs by their main metric; then those that have none, by number."""

    def place(outcome: Outcome) -> tuple[bool, bool, float, int]:
        value = outcome.value
        known = value is not None and value == value
        rank = (-value if outcome.higher_is_better else value) if known and value is not None else 0.0
        return not outcome.done, not known, rank, outcome.job.number

    return sorted(outcomes, key=place)


def differing(outcomes: Sequence[Outcome]) -> list[str]:
    """The keys whose values are not the same in all jobs."""
    chosen = [_values(outcome) for outcome in outcomes]
    keys = dict.fromkeys(key for values in chosen for key in values)
    return [key for key in keys if len({values.get(key) for values in chosen}) > 1]


def rows(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[str]]]:
    """Head and body of the table, as texts."""
    keys = differing(outcomes)
    metrics = list(dict.fromkeys(item.metric for item in outcomes if item.metric and item.value is not None))
    head = ["job", *keys, *metrics, "status", "seconds"]
    body = []
    for outcome in best_first(outcomes):
        values = _values(outcome)
        scores = ["" if outcome.metric != name or outcome.value is None else f"{outcome.value:.4f}" for name in metrics]
        seconds = "" if outcome.seconds is None else f"{outcome.seconds:,.0f}"
        body.append([str(outcome.job.number), *(values.get(key, "") for key in keys), *scores, outcome.status, seconds])
    return head, body


def write(outcomes: Sequence[Outcome], folder: Path) -> None:
    """The same table as `jobs.csv`."""
    head, body = rows(outcomes)
    with (folder / FILE).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *body])


def show(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Print the table."""
    head, body = rows(outcomes)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        table.add_column(Text(name), justify="left")
    for row in body:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    console.width = max(console.width, 110)
    console.print()
    console.print(table)
    print(f"{'records':<11}{os.path.relpath(folder)}/ ({FILE}, and a folder a job)")


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each job that failed, after one that counts them; nothing where none did."""
    failed = [item for item in outcomes if item.status == "failed"]
    if not failed:
        return []
    lines = [f"#{item.job.number} {item.job.label}: {hide(item.error or '')}" for item in failed]
    return [f"{len(failed)} of {len(outcomes)} jobs failed:", *lines]


def _values(outcome: Outcome) -> dict[str, str]:
    return {key: value for key, _, value in (hide_word(word).partition("=") for word in outcome.job.words)}
