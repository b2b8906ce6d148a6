"""Schedule: down along half a cosine."""

import math
from typing import Annotated

from annotated_types import Ge, Le

from dougong import register
from dougong.contracts.schedule import WarmupSchedule, progress


@register("schedule", "cosine")
class Cosine(WarmupSchedule):
    """Up in a straight line, then down to `final` along half a cosine (arXiv 1608.03983, without restarts).

    Args:
        warmup: updates of the way up; below 1, their share of all updates.
        final: the factor at the end.
    """

    def __init__(self, warmup: Annotated[float, Ge(0)] = 0.1, final: Annotated[float, Ge(0), Le(1)] = 0.0) -> None:
        super().__init__(warmup)
        self.final = final

    def after(self, update: int, updates: int, rising: int) -> float:
        """The height of the cosine."""
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * progress(update, updates)))
