"""Schedule: up in a straight line, then down."""

from typing import Annotated

from annotated_types import Ge, Le

from dougong import register
from dougong.contracts.schedule import WarmupSchedule, progress


@register("schedule", "linear_warmup")
class LinearWarmup(WarmupSchedule):
    """Up in a straight line to the optimizer's learning rate, then down in one to `final`, as BERT was trained.

    Args:
        warmup: updates of the way up; below 1, their share of all updates.
        final: the factor at the end.
    """

    def __init__(self, warmup: Annotated[float, Ge(0)] = 0.1, final: Annotated[float, Ge(0), Le(1)] = 0.0) -> None:
        super().__init__(warmup)
        self.final = final

    def after(self, update: int, updates: int, rising: int) -> float:
        """The height of the line that comes down."""
        return self.final + (1.0 - self.final) * (1.0 - progress(update, updates))
