"""Schedule: the same learning rate throughout."""

from typing import Annotated

from annotated_types import Ge

from dougong import register
from dougong.contracts.schedule import WarmupSchedule


@register("schedule", "constant")
class Constant(WarmupSchedule):
    """The optimizer's learning rate throughout.

    Args:
        warmup: updates of the way up to it; below 1, their share of all updates.
    """

    def __init__(self, warmup: Annotated[float, Ge(0)] = 0.0) -> None:
        super().__init__(warmup)

    def after(self, update: int, updates: int, rising: int) -> float:
        """1, always."""
        return 1.0
