"""Schedule: the same learning rate throughout."""

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "constant")
class Constant(Schedule):
    """The optimizer's learning rate throughout."""

    def factor(self, update: int, updates: int) -> float:
        """1, always."""
        return 1.0
