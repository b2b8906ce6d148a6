"""What a benchmark found out: rows, and what follows from them."""

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from dougong.benchmark.settings import REFERENCE

MIB = 2**20
FIGURES = ("forward_ms", "forward_backward_ms", "extra_mib")


@dataclass(frozen=True)
class Row:
    """One attention at one length.

    Args:
        forward_ms: median of the passes that keep nothing for a backward one.
        forward_backward_ms: median.
        extra_mib: the peak of memory of a forward and backward pass, beside its inputs.
        others: the greatest share of the machine that other processes took meanwhile.
        reason: why it was not measured.
    """

    length: int
    attention: str
    status: Literal["measured", "failed", "left out"]
    forward_ms: float | None = None
    forward_backward_ms: float | None = None
    extra_mib: float | None = None
    others: float | None = None
    reason: str = ""


def ratio(rows: Sequence[Row], row: Row, figure: str) -> float | None:
    """How many times less the row takes than the reference at the same length."""
    value = getattr(row, figure)
    for other in rows:
        if (other.length, other.attention) == (row.length, REFERENCE) and value and getattr(other, figure):
            return float(getattr(other, figure) / value)
    return None


def exponent(lengths: Sequence[float], taken: Sequence[float]) -> float:
    """The slope of log `taken` over log length, by least squares."""
    return statistics.linear_regression([math.log(n) for n in lengths], [math.log(t) for t in taken]).slope


def curve(rows: Sequence[Row], attention: str, figure: str) -> dict[int, float]:
    """A figure of one attention by length, where it was measured and is not nothing."""
    mine = {row.length: getattr(row, figure) for row in rows if row.attention == attention}
    return {length: value for length, value in mine.items() if value}


def growth(rows: Sequence[Row], attention: str, figure: str) -> float | None:
    """The fitted exponent of a figure's growth; None where fewer than two lengths were measured."""
    found = curve(rows, attention, figure)
    return exponent(list(found), list(found.values())) if len(found) > 1 else None


def fastest(rows: Sequence[Row]) -> dict[int, Row]:
    """By length, the row that takes least for a forward and backward pass."""
    best: dict[int, Row] = {}
    for row in rows:
        if row.forward_backward_ms is not None:
            known = best.get(row.length)
            if known is None or row.forward_backward_ms < (known.forward_backward_ms or math.inf):
                best[row.length] = row
    return best


def missing(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[int]]:
    """The lengths at which something was not measured, by attention, status and reason."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        if row.status != "measured":
            found.setdefault((row.attention, row.status, row.reason), []).append(row.length)
    return found


def write_csv(rows: Sequence[Row], about: Mapping[str, Any], path: Path) -> None:
    """One line a row, with its ratios to the reference, and what all have in common."""
    lines = [
        {
            **asdict(row),
            **{f"{figure.rpartition('_')[0]}_ratio": ratio(rows, row, figure) for figure in FIGURES},
            **about,
        }
        for row in rows
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
