"""The contract of a schedule plugin."""

from abc import ABC, abstractmethod


class Schedule(ABC):
    """The learning rate over the updates, as a factor of the optimizer's `lr`. A pure function: it has no state."""

    @abstractmethod
    def factor(self, update: int, updates: int) -> float:
        """The factor for update number `update` (from 0) of `updates` in all."""
