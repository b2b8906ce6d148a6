"""A plugin whose file raises when it is imported."""

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "raises")
class Raises(Schedule):
    """Sound to look at; its package raises when it is imported."""

    def factor(self, update: int, updates: int) -> float:
        """The whole learning rate."""
        return 1.0
