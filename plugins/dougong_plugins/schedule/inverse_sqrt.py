"""Schedule: down as one over the root of the updates."""

import math
from typing import Annotated

from annotated_types import Ge

from dougong import register
from dougong.contracts.schedule import WarmupSchedule


@register("schedule", "inverse_sqrt")
class InverseSqrt(WarmupSchedule):
    """Up in a straight line, then down as one over the root of the number of updates (arXiv 1706.03762).

    So the first Transformer was trained (section 5.3 there). With s = update + 1 and w = warm-up + 1 the factor is
    min(s / w, sqrt(w / s)): the published curve, divided by its peak. It never reaches zero, and does not depend on the
    length of the run where `warmup` is in updates. Without a warm-up it begins to fall at once.

    Args:
        warmup: updates of the way up; below 1, their share of all updates.
    """

    def __init__(self, warmup: Annotated[float, Ge(0)] = 0.1) -> None:
        super().__init__(warmup)

    def after(self, update: int, updates: int, rising: int) -> float:
        """The height of the curve."""
        return math.sqrt((rising + 1) / (rising + update + 1))
