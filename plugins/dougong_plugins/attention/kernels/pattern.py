"""Which distances between a query and a key a pattern sees."""

# Shapes: N query length, M key length.

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FOLLOWS_LENGTH = 0
"""In place of a rate or a window: the whole number nearest to the square root of the length."""


def nearest_root(length: int) -> int:
    """The whole number nearest to the square root of `length`, at least 1."""
    floor = math.isqrt(length)
    return max(1, floor + (length - floor * floor > floor))


@dataclass(frozen=True)
class Pattern:
    """A query sees a key where their distance is at most `window`, or a multiple of `rate`.

    Distance is the position of the query less that of the key. None leaves a half out; `FOLLOWS_LENGTH` stands for the
    root of the length.
    """

    window: int | None = None
    rate: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("rate", self.rate)):
            if value is not None and value < 0:
                raise ValueError(f"{name}: must be >= 1, got {value}")
        if self.window is None and self.rate is None:
            raise ValueError("a pattern needs a window, a rate or both")

    def __str__(self) -> str:
        halves = {"window": self.window, "rate": self.rate}
        return ", ".join(f"{name}={value or 'sqrt'}" for name, value in halves.items() if value is not None)

    @property
    def halves(self) -> int:
        """How many disjoint key sets it is a union of."""
        return (self.window is not None) + (self.rate is not None)

    def at(self, length: int) -> "Pattern":
        """This pattern at one length, in plain numbers and in its simplest form: `Pattern(rate=1)` sees every key."""
        window = nearest_root(length) if self.window == FOLLOWS_LENGTH else self.window
        rate = nearest_root(length) if self.rate == FOLLOWS_LENGTH else self.rate
        if rate == 1 or (window is not None and window >= length - 1):
            return Pattern(rate=1)
        return Pattern(window, rate)

    def sees(self, distance: Tensor, length: int) -> Tensor:
        """Where a distance is seen: bool, of the shape of `distance`. Holds for a length that is a symbol, too."""
        seen = torch.zeros_like(distance, dtype=torch.bool)
        if self.window is not None:
            seen = seen | (distance.abs() <= self._resolved(self.window, length, distance))
        if self.rate is not None:
            seen = seen | (distance % self._resolved(self.rate, length, distance) == 0)
        return seen

    def mask(
        self, query_length: int, key_length: int, *, causal: bool = False, device: torch.device | str = "cpu"
    ) -> Tensor:
        """(N, M) bool, True where the query (row) sees the key (column)."""
        query, key = (torch.arange(length, device=device) for length in (query_length, key_length))
        distance = query[:, None] - key
        seen = self.sees(distance, key_length)
        return seen & (distance >= 0) if causal else seen

    @staticmethod
    def _resolved(value: int, length: int, like: Tensor) -> int | Tensor:
        # The root is a tensor here: under torch.compile a Python number would bind the graph to one length.
        if value != FOLLOWS_LENGTH:
            return value
        root = torch.full((), length, dtype=torch.float64, device=like.device).sqrt().round()
        return root.clamp_min(1).to(like.dtype)


def steps(rate: int | str) -> int:
    """The number that stands for a setting: itself, or `FOLLOWS_LENGTH` for "sqrt"."""
    if rate == "sqrt":
        return FOLLOWS_LENGTH
    if not isinstance(rate, int) or rate < 1:
        raise ValueError(f"rate: must be >= 1 or sqrt, got {rate}")
    return rate
