"""How far a pass over records is, where it takes long enough to ask."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from dougong.contracts.data import Split
from dougong.data.stream import Records, RecordStream

Item = TypeVar("Item")
PATIENCE = 1.0
"""Seconds before anything is shown: small data is read in less."""

EVERY = {"bar": 0.2, "lines": 10.0}
"""Seconds between two looks."""


class PassReport:
    """Shows a bar, or prints a line now and then, while records are gone through.

    Args:
        mode: "bar", "lines", "none", or "auto" for a bar in a terminal and lines elsewhere.
        what: the records, "train" say.
    """

    def __init__(self, mode: str, what: str) -> None:
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.mode = mode if mode != "auto" else "bar" if live else "lines"
        self.what = what

    def __call__(self, records: Iterable[Item], total: int | None) -> Iterator[Item]:
        """The same records, looked at as they go by.

        Args:
            total: how many there are, where that is known.
        """
        if self.mode == "none":
            yield from records
            return
        bar, started = None, time.monotonic()
        due = started + (PATIENCE if self.mode == "bar" else EVERY["lines"])
        try:
            for number, record in enumerate(records):
                if number % 64 == 0 and (now := time.monotonic()) >= due:
                    due = now + EVERY[self.mode]
                    if self.mode == "bar":
                        bar = bar or self._bar(total)
                        bar.update(bar.task_ids[0], completed=number, refresh=True)
                    else:
                        self._line(number, total, now - started)
                yield record
        finally:
            if bar is not None:
                bar.stop()

    def _bar(self, total: int | None) -> Progress:
        columns = (TextColumn(f"reading {self.what}"), SpinnerColumn(), BarColumn(bar_width=None))
        progress = Progress(
            *columns,
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        progress.start()
        progress.add_task("", total=total)
        return progress

    def _line(self, number: int, total: int | None, seconds: float) -> None:
        share = f" of {total:,}" if total else ""
        self.console.print(f"reading {self.what}: {number:,}{share} records, {number / seconds:,.0f} a second")


def watch(records: Mapping[Split, Records], mode: str) -> None:
    """Report on passes over records that are not in memory."""
    for split, rows in records.items():
        if isinstance(rows, RecordStream):
            rows.watch = PassReport(mode, split)


def unwatch(records: Mapping[Split, Records]) -> None:
    """Report no more: what is shown from now on is the training."""
    for rows in records.values():
        if isinstance(rows, RecordStream):
            rows.watch = None
