"""Schedules that break what every plugin promises; each bears the name of the check that catches it."""

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "contract")
class Contract:
    """It looks like a schedule, and is none."""

    def factor(self, update: int, updates: int) -> float:
        return 1.0


@register("schedule", "documentation")
class Documentation(Schedule):
    """It does not say what its setting is."""

    def __init__(self, height: float = 1.0) -> None:
        self.height = height

    def factor(self, update: int, updates: int) -> float:
        return self.height


@register("schedule", "reading")
class Reading(Schedule):
    """Its constructor is not the one that is written here.

    Args:
        height: the factor.
    """

    def __init__(self, height: float = 1.0) -> None:
        self.height = height

    def factor(self, update: int, updates: int) -> float:
        return self.height


def _another(self: Reading, height: float = 2.0) -> None:
    self.height = height


Reading.__init__ = _another  # type: ignore[method-assign]
