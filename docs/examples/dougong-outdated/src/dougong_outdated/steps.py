"""Schedule: down in steps."""

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "steps")
class Steps(Schedule):
    """Half the learning rate after each third of the updates."""

    def factor(self, update: int, updates: int) -> float:
        """A power of one half."""
        return float(0.5 ** (3 * update // max(1, updates)))
