"""Schedule: down along a power of what is left."""

from typing import Annotated

from annotated_types import Ge, Gt, Le

from dougong import register
from dougong.contracts.schedule import WarmupSchedule, progress


@register("schedule", "polynomial")
class Polynomial(WarmupSchedule):
    """Up in a straight line, then down to `final` as a power of the share of the updates that is left.

    Args:
        power: 1 is a straight line; above, the factor falls faster at first, below, faster at the end.
        warmup: updates of the way up; below 1, their share of all updates.
        final: the factor at the end.
    """

    def __init__(
        self,
        power: Annotated[float, Gt(0)] = 2.0,
        warmup: Annotated[float, Ge(0)] = 0.1,
        final: Annotated[float, Ge(0), Le(1)] = 0.0,
    ) -> None:
        super().__init__(warmup)
        self.power = power
        self.final = final

    def after(self, update: int, updates: int, rising: int) -> float:
        """The height of the curve."""
        left: float = (1.0 - progress(update, updates)) ** self.power
        return self.final + (1.0 - self.final) * left
