"""Schedule: one cycle up and down."""

import math
from typing import Annotated, Literal

from annotated_types import Ge, Le

from dougong import register
from dougong.contracts.schedule import Schedule, progress, warmup_updates


@register("schedule", "one_cycle")
class OneCycle(Schedule):
    """From `start` up to the optimizer's learning rate and down to `final`, in one cycle (arXiv 1708.07120).

    As PyTorch's OneCycleLR with its defaults, save that it comes down to 0, after the last update. The paper moves the
    momentum against the learning rate as well; here it stays as it is.

    Args:
        warmup: updates of the way up; below 1, their share of all updates.
        start: the factor at the beginning.
        final: the factor at the end.
        shape: of both ways.
    """

    def __init__(
        self,
        warmup: Annotated[float, Ge(0)] = 0.3,
        start: Annotated[float, Ge(0), Le(1)] = 0.04,
        final: Annotated[float, Ge(0), Le(1)] = 0.0,
        shape: Literal["cosine", "linear"] = "cosine",
    ) -> None:
        self.warmup = warmup
        self.start = start
        self.final = final
        self.shape = shape

    def factor(self, update: int, updates: int) -> float:
        """The height of the curve."""
        rising = warmup_updates(self.warmup, updates)
        if update < rising:
            return self._between(self.start, 1.0, progress(update, rising))
        return self._between(1.0, self.final, progress(update - rising, updates - rising))

    def _between(self, begin: float, end: float, done: float) -> float:
        share = 0.5 * (1.0 - math.cos(math.pi * done)) if self.shape == "cosine" else done
        return begin + (end - begin) * share
