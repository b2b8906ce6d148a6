"""What a run measured, from its `metrics.csv`."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dougong.runs.folders import METRICS


@dataclass(frozen=True)
class Curve:
    """One metric over the updates: `updates` (N,) whole and ascending, `values` (N,); both float64."""

    updates: np.ndarray
    values: np.ndarray


def read_curves(folder: Path) -> tuple[dict[str, Curve], int]:
    """The curves by metric, and how many lines could not be read.

    A line is left out that is damaged; the last one, where it is half written, does not count. Of two measurements of
    one update the later counts, as it was made after resuming.
    """
    found: dict[str, dict[int, float]] = {}
    bad = 0
    try:
        with (folder / METRICS).open(newline="", encoding="utf-8", errors="replace") as file:
            lines = file.read().replace("\0", "").splitlines(keepends=True)
    except OSError:
        return {}, 0
    whole = [line for line in lines if line.endswith("\n")]
    for row in csv.reader(whole[1:]):
        try:
            update, _, name, value = row
            found.setdefault(name, {})[int(update)] = float(value)
        except ValueError:
            bad += 1
    return {name: _curve(values) for name, values in found.items()}, bad


def _curve(values: dict[int, float]) -> Curve:
    updates = sorted(values)
    return Curve(np.array(updates, dtype=np.float64), np.array([values[update] for update in updates]))
