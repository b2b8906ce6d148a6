"""What an evaluation found, to be looked at: neutral descriptions that each tracker draws in its own way."""

# Shapes: T thresholds, N rows, M columns.

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Numbers as colours: a confusion matrix, where they are whole (counts), or the pattern of an attention.

    Args:
        panels: by title, arrays of (N, M) that are drawn side by side.
        rows: N names.
        columns: M names.
        row_title: what the rows are.
        column_title: what the columns are.
    """

    panels: Mapping[str, NDArray[Any]]
    rows: Sequence[str]
    columns: Sequence[str]
    row_title: str = ""
    column_title: str = ""

    @property
    def counts(self) -> bool:
        """Whether it counts, as a confusion matrix does."""
        return all(np.issubdtype(panel.dtype, np.integer) for panel in self.panels.values())


@dataclass(frozen=True, eq=False)
class ThresholdCounts:
    """What is found of one class where all that scores at least a threshold is taken for it.

    Args:
        thresholds: (T,), rising evenly from 0 to 1.
        true_positives: (T,) whole numbers.
        false_positives: (T,) whole numbers.
        positives: how many there are.
        negatives: how many others.
    """

    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positives: int
    negatives: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """(T,); 1 where nothing is taken."""
        taken = self.true_positives + self.false_positives
        return np.where(taken > 0, self.true_positives / np.maximum(taken, 1), 1.0)

    @property
    def recall(self) -> NDArray[np.float64]:
        """(T,); 0 where there are no positives."""
        return self.true_positives / max(self.positives, 1)


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A precision-recall curve of each class, against all others."""

    classes: Mapping[str, ThresholdCounts]

    def rows(self) -> Iterator[tuple[str, float, float, float]]:
        """Class, threshold, precision and recall of each point."""
        for name, counts in self.classes.items():
            numbers = (counts.thresholds, counts.precision, counts.recall)
            for threshold, precision, recall in zip(*(item.tolist() for item in numbers), strict=True):
                yield name, round(threshold, 6), round(precision, 6), round(recall, 6)


Drawing = HeatMap | PrecisionRecall
