"""Tracker: plain files in the run's folder."""

import csv
import errno
import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dougong import register
from dougong.contracts.drawing import Drawing, PrecisionRecall
from dougong.contracts.tracker import RunInformation, Tracker

logger = logging.getLogger(__name__)


@register("tracker", "csv")
class CsvTracker(Tracker):
    """Writes `metrics.csv`, one measurement a line, and each table as `tables/NAME.csv`.

    Lines are `update,epoch,metric,value`; pandas' `pivot(index="update", columns="metric")` makes columns of them.
    Precision-recall curves become tables; pictures are left out (confusion matrices are tables as well).
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._written: set[tuple[str, str]] = set()
        self._waiting: list[list[Any]] = []
        self._begun = False
        self._problem: str | None = None

    def start(self, run: RunInformation) -> None:
        """Begin the file, or go on with it: what came after the last save is going to be measured anew."""
        self._folder = run.folder
        kept = self._read(run.update) if run.resumed else []
        self._written = {(row[0], row[2]) for row in kept}
        self._waiting = [["update", "epoch", "metric", "value"], *kept]
        self._write_waiting()

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Append the metrics; those that the run measured of this update before it was stopped are there already."""
        rows = [[update, epoch, name, repr(float(value))] for name, value in metrics.items()]
        self._waiting += [row for row in rows if (str(update), row[2]) not in self._written]
        self._write_waiting()

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Write the table as it is after its newest measurement."""
        assert self._folder is not None
        path = self._folder / "tables" / f"{name.replace('/', '_')}.csv"
        try:
            path.parent.mkdir(exist_ok=True)
            _write(path, rows)
        except OSError as error:
            self._tell(error, path)

    def draw(self, name: str, drawing: Drawing, update: int) -> None:
        """Write precision-recall curves as a table."""
        if isinstance(drawing, PrecisionRecall):
            self.table(name, [["class", "threshold", "precision", "recall"], *map(list, drawing.rows())], update)

    def finish(self, status: str) -> str | None:
        """Write what could not be written before, and say if there is still no room for it."""
        self._write_waiting()
        if not self._waiting:
            return None
        return f"csv: {len(self._waiting)} measurements are not in {self._path} ({self._problem})."

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

    def _write_waiting(self) -> None:
        # At once, whatever may kill the run; but where the disk is full, say, there may be room the next time.
        if not self._waiting or self._folder is None:
            return
        try:
            if self._begun:
                _append(self._path, self._waiting)
            else:
                _write(self._path, self._waiting)
        except OSError as error:
            self._tell(error, self._path)
            return
        self._begun, self._waiting, self._problem = True, [], None

    def _tell(self, error: OSError, path: Path) -> None:
        if self._problem is None:
            logger.warning("%s can't be written (%s); it is tried again.", path, error.strerror)
        self._problem = error.strerror


def _write(path: Path, rows: list[list[Any]]) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_suffix(".partial")
    try:
        temporary.write_bytes(_text(rows))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _append(path: Path, rows: list[list[Any]]) -> None:
    """Append all of the rows or none: half a line would spoil those after it."""
    text = _text(rows)
    with path.open("ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if file.write(text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(size)
            raise


def _text(rows: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
