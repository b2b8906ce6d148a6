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
        self._written: set[tuple[str, str]] = set()

    def start(self, run: RunInformation) -> None:
        """Begin the file, or go on with it: what came after the last save is going to be measured anew."""
        self._folder = run.folder
        kept = self._read(run.update) if run.resumed else []
        self._written = {(row[0], row[2]) for row in kept}
        temporary = self._path.with_suffix(".partial")
        self._write(temporary, "w", [["update", "epoch", "metric", "value"], *kept])
        temporary.replace(self._path)

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Append the metrics; those that the run measured of this update before it was stopped are there already."""
        rows = [[update, epoch, name, repr(float(value))] for name, value in metrics.items()]
        self._write(self._path, "a", [row for row in rows if (str(update), row[2]) not in self._written])

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

    def _read(self, last_update: int) -> list[list[str]]:
        """The lines up to an update; the last one counts only if it is whole, since the run may have been killed."""
        if not self._path.exists():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(line for line in file if line.endswith("\n")))[1:]
        return [row for row in rows if int(row[0]) <= last_update]

    def _write(self, path: Path, mode: str, rows: list[list[Any]]) -> None:
        # Opened for each entry: whatever kills the run, what was measured is on disk.
        with path.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
