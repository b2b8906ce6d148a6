"""What is found at each threshold of a score: the points of a precision-recall curve."""

import numpy as np
from numpy.typing import NDArray

from dougong.contracts.drawing import ThresholdCounts

THRESHOLDS = 101


def threshold_counts(
    positive: NDArray[np.bool_], scores: NDArray[np.floating], count: int = THRESHOLDS
) -> ThresholdCounts:
    """Count what scores at least each of evenly spaced thresholds.

    Args:
        positive: (K,) whether each of K cases is one.
        scores: (K,) from 0 to 1.
        count: of thresholds.
    """
    thresholds = np.linspace(0.0, 1.0, count)
    reached = np.searchsorted(thresholds, scores.astype(np.float64), side="right")  # how many of them a case reaches
    true, false = (_at_least(reached[mask], count) for mask in (positive, ~positive))
    return ThresholdCounts(thresholds, true, false, int(positive.sum()), int((~positive).sum()))


def _at_least(reached: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(T,): the cases that reach each threshold."""
    exactly = np.bincount(reached, minlength=count + 1)
    found: NDArray[np.int64] = exactly[::-1].cumsum()[::-1][1:]
    return found
