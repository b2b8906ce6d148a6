"""A benchmark's results for people to read."""

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dougong.benchmark.results import FIGURES, Row, fastest, growth, missing, ratio
from dougong.benchmark.settings import REFERENCE
from dougong.benchmark.timing import DISTURBED


def show(rows: Sequence[Row], console: Console) -> None:
    """Print everything."""
    console.print(_figures(rows))
    if len({row.length for row in rows if row.status == "measured"}) > 1:
        console.print(_growth(rows))
    for length, row in sorted(fastest(rows).items()):
        alone = sum(other.length == length and other.status == "measured" for other in rows) == 1
        note = " (nothing else was measured)" if alone else ""
        console.print(f"Fastest forward + backward at {length:,}: {row.attention}{note}", soft_wrap=True)
    for (attention, status, why), lengths in missing(rows).items():
        at = ", ".join(f"{length:,}" for length in lengths)
        console.print(escape(f"{status.capitalize()}: {attention} at {at}: {why}"), soft_wrap=True)
    others = max((row.others or 0 for row in rows), default=0)
    if others > DISTURBED:
        console.print(
            f"Other processes took up to {others:.0%} of the machine meanwhile: the times are worth that much less.",
            soft_wrap=True,
        )


def _figures(rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("length", justify="right")
    table.add_column("attention", no_wrap=True)
    for name in ("forward ms", "forward + backward ms", "extra MiB"):
        table.add_column(name, justify="right", no_wrap=True)
        table.add_column(f"{REFERENCE} / it", justify="right", no_wrap=True)
    for length, group in groupby(rows, key=lambda row: row.length):
        for index, row in enumerate(group):
            cells = [row.status] if row.status != "measured" else _cells(rows, row)
            table.add_row(f"{length:,}" if index == 0 else "", row.attention, *cells)
    return table


def _cells(rows: Sequence[Row], row: Row) -> list[str]:
    cells = []
    for figure in FIGURES:
        value, times = getattr(row, figure), ratio(rows, row, figure)
        cells += [_number(value, figure), "" if times is None else f"{times:.2f}"]
    return cells


def _number(value: float | None, figure: str) -> str:
    if value is None:
        return ""
    if figure == "extra_mib":
        return "< 1" if value < 1 else f"{value:,.0f}"
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def _growth(rows: Sequence[Row]) -> Table:
    """The exponents, of what was measured at two lengths or more."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("grows as length to the", "forward", "forward + backward", "extra memory"):
        table.add_column(name, justify="left" if name.startswith("grows") else "right", no_wrap=True)
    for attention in dict.fromkeys(row.attention for row in rows):
        exponents = [growth(rows, attention, figure) for figure in FIGURES]
        if any(value is not None for value in exponents):
            table.add_row(attention, *("" if value is None else f"{value:.2f}" for value in exponents))
    return table
