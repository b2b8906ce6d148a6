"""What a data set is like for a training: the lengths of its examples, and what padding its batches need."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dougong.compose.settings import LoaderSettings
from dougong.data.batches import TrainingBatches

Lengths = npt.NDArray[np.integer]
BAR = "█"


@dataclass(frozen=True)
class Budget:
    """The batches of an epoch.

    Args:
        batches: how many.
        tokens: a batch, on average, padding included.
        largest: the same of the largest batch.
        padding: the share of the tokens that is padding.
    """

    batches: int
    tokens: float
    largest: int
    padding: float


def budget(lengths: Lengths, settings: LoaderSettings, seed: int) -> Budget:
    """What the first epoch's batches of examples of these lengths (at least one) cost."""
    order = TrainingBatches(lengths, settings, seed).order(0)
    sizes = np.array([len(batch) * int(lengths[batch].max()) for batch in order])
    padding = 1.0 - float(lengths.sum()) / max(1, int(sizes.sum()))
    return Budget(len(order), float(sizes.mean()), int(sizes.max()), padding)


def without_buckets(settings: LoaderSettings) -> LoaderSettings:
    """The same batches, with no sorting by length."""
    return replace(settings, bucket_batches=1)


def quantiles(lengths: Lengths) -> str:
    """The usual figures of lengths, in a line."""
    low, middle, most, high = (int(value) for value in np.quantile(lengths, [0, 0.5, 0.95, 1], method="nearest"))
    return f"min {low:,}  median {middle:,}  mean {lengths.mean():,.1f}  95% {most:,}  max {high:,}"


def histogram(lengths: Lengths, rows: int = 12, width: int = 50) -> list[str]:
    """Ranges of equal width with a bar each and the number of examples in it."""
    low, high = int(lengths.min()), int(lengths.max())
    step = max(1, -(-(high - low + 1) // rows))
    edges = np.arange(low, high + step + 1, step)
    counts, _ = np.histogram(lengths, edges)
    names = [f"{edge:,}" if step == 1 else f"{edge:,}-{edge + step - 1:,}" for edge in edges[:-1]]
    room = max(map(len, names))
    return [
        f"{name:>{room}} {BAR * round(width * count / counts.max()) or ('▏' if count else '')} {count:,}"
        for name, count in zip(names, counts, strict=True)
    ]
