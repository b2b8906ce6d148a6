"""Schedule: up in a straight line, then down."""

from typing import Annotated

from annotated_types import Ge, Le

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "linear_warmup")
class LinearWarmup(Schedule):
    """Up in a straight line to the optimizer's learning rate, then down in one to `final`, as BERT was trained.

    Args:
        warmup: updates of the way up; below 1, their share of all updates.
        final: the factor at the end.
    """

    def __init__(self, warmup: Annotated[float, Ge(0)] = 0.1, final: Annotated[float, Ge(0), Le(1)] = 0.0) -> None:
        self.warmup = warmup
        self.final = final

    def factor(self, update: int, updates: int) -> float:
        """The height of the line after `update` updates; the very first update is not lost to a factor of 0."""
        rising = round(self.warmup * updates) if self.warmup < 1 else round(self.warmup)
        if update < rising:
            return (update + 1) / (rising + 1)
        left = max(0, updates - update) / max(1, updates - rising)
        return self.final + (1.0 - self.final) * left
