"""Schedules, each of which breaks the promise that its name is the check of."""

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "finite")
class Finite(Schedule):
    """Falls below zero at the end."""

    def factor(self, update: int, updates: int) -> float:
        return -0.1 if update >= updates - 1 else 1.0


@register("schedule", "no_lost_update")
class NoLostUpdate(Schedule):
    """Begins at zero."""

    def factor(self, update: int, updates: int) -> float:
        return update / updates


@register("schedule", "purity")
class Purity(Schedule):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def factor(self, update: int, updates: int) -> float:
        self.asked += 1
        return 1 / self.asked


@register("schedule", "long_runs")
class LongRuns(Schedule):
    """Doubles at each update."""

    def factor(self, update: int, updates: int) -> float:
        return 2.0**update
