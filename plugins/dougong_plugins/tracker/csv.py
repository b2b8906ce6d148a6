"""Tracker: plain files in the run's folder."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dougong import register
from dougong.contracts.tracker import RunInformation, Tracker


@register("tracker", "csv")
class CsvTracker(Tracker):
    """Writes `metrics.csv`, one measurement a line, and each table as `tables/NAME.csv`.

    Lines are `update,epoch,metric,value`; pandas' `pivot(index="update", columns="metric")` makes columns of them.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def start(self, run: RunInformation) -> None:
        """Begin the file, or go on with it."""
        self._folder = run.folder
        if not self._path.exists():
            self._write("w", [["update", "epoch", "metric", "value"]])

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Append the metrics."""
        self._write("a", [[update, epoch, name, repr(float(value))] for name, value in metrics.items()])

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Write the table as it is after its newest measurement."""
        assert self._folder is not None
        path = self._folder / "tables" / f"{name.replace('/', '_')}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder / "metrics.csv"

    def _write(self, mode: str, rows: list[list[Any]]) -> None:
        # Opened for each entry: whatever kills the run, what was measured is on disk.
        with self._path.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
