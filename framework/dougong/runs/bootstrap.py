"""Whether two variants differ by more than the choice of records explains: the paired bootstrap.

Efron and Tibshirani, An Introduction to the Bootstrap (1993); for systems on one test set Koehn, Statistical
Significance Tests for Machine Translation Evaluation (EMNLP 2004).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

DRAWS = 10_000
SEED = 0
CELLS = 2_000_000
"""Numbers that are held at a time."""


@dataclass(frozen=True)
class Comparison:
    """The second variant's mean score less the first's.

    Args:
        difference: as measured.
        low, high: where 95 of 100 resampled differences lie.
        p: how often a difference of this size, or a greater one, comes of two variants that are equally good.
    """

    difference: float
    low: float
    high: float
    p: float


def resampled_means(scores: np.ndarray, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """Means over records drawn with replacement, the same records for every variant.

    Args:
        scores: (V, N), the score of each of N records for each of V variants.

    Returns:
        (draws, V).
    """
    return np.concatenate([counts @ scores.T / scores.shape[1] for counts in _drawn(scores.shape[1], draws, seed)])


def compare(scores: np.ndarray, means: np.ndarray, first: int, second: int) -> Comparison:
    """Compare two variants of `scores` by what `resampled_means` found.

    The p value is two-sided, of the resampled differences moved to a mean of zero. It is never 0, which so many draws
    can't show.
    """
    measured = float(scores[second].mean() - scores[first].mean())
    differences = means[:, second] - means[:, first]
    low, high = np.quantile(differences, [0.025, 0.975])
    # A hair of tolerance: sums of the same numbers in another order must count as equal.
    extreme = np.abs(differences - measured) >= abs(measured) * (1 - 1e-9)
    p = (float(extreme.sum()) + 1.0) / (len(differences) + 1.0)
    return Comparison(measured, float(low), float(high), p)


def _drawn(records: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each record is drawn: (some of the draws, N), until all are done."""
    random = np.random.default_rng(seed)
    some = max(1, CELLS // max(records, 1))
    for begin in range(0, draws, some):
        count = min(some, draws - begin)
        picked = random.integers(0, records, (count, records)) + np.arange(count)[:, None] * records
        yield np.bincount(picked.ravel(), minlength=count * records).reshape(count, records).astype(np.float64)
