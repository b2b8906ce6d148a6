"""Random choices that are the same on every machine and Python version."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of choices that is a function of its key alone."""

    # Python promises that `random()` keeps its sequence; `choice`, `shuffle` and the like may change between versions,
    # so every choice here is made from `random()`.

    def __init__(self, *key: str | int) -> None:
        self._draw = random.Random("/".join(map(str, key))).random

    def below(self, bound: int) -> int:
        """A number in [0, bound)."""
        return int(self._draw() * bound)

    def between(self, low: int, high: int) -> int:
        """A number in [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._draw() < probability

    def one_of(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely as the next."""
        return choices[self.below(len(choices))]

    def several_of(self, choices: Sequence[T], count: int) -> list[T]:
        """`count` different ones of the choices, in random order."""
        rest = list(choices)
        return [rest.pop(self.below(len(rest))) for _ in range(count)]

    def shuffled(self, choices: Sequence[T]) -> list[T]:
        """The choices in random order."""
        return self.several_of(choices, len(choices))
