"""The contract of a schedule plugin."""

from abc import ABC, abstractmethod


class Schedule(ABC):
    """The learning rate over the updates, as a factor of the optimizer's `lr`. A pure function: it has no state."""

    @abstractmethod
    def factor(self, update: int, updates: int) -> float:
        """The factor for update number `update` (from 0) of `updates` in all."""


class WarmupSchedule(Schedule):
    """Up in a straight line first, then as `after` says.

    Args:
        warmup: updates of the way up; below 1, their share of all updates.
    """

    def __init__(self, warmup: float) -> None:
        self.warmup = warmup

    def factor(self, update: int, updates: int) -> float:
        """The height of the line, then of the curve; the very first update is not lost to a factor of 0."""
        rising = warmup_updates(self.warmup, updates)
        if update < rising:
            return (update + 1) / (rising + 1)
        return self.after(update - rising, updates - rising, rising)

    @abstractmethod
    def after(self, update: int, updates: int, rising: int) -> float:
        """The factor once the warm-up is over.

        Args:
            update: number of the update, from 0 at the end of the warm-up; may be `updates` and more.
            updates: those that the warm-up leaves; 0 and less where it takes the whole run.
            rising: those that the warm-up took.
        """


def warmup_updates(warmup: float, updates: int) -> int:
    """How many updates a warm-up takes: `warmup` of them or, below 1, that share of all."""
    return round(warmup * updates) if warmup < 1 else round(warmup)


def progress(update: int, updates: int) -> float:
    """The share of `updates` that are done, from 0 to 1."""
    return min(1.0, update / updates) if updates > 0 else 1.0
