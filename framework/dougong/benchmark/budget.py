"""What a measurement will cost, from what shorter ones did, and which of them a budget has room for."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW = 0.1
"""Seconds that an attention is measured for before the next one's turn, or one pass if that takes longer."""

START = 0.1
"""Seconds that a trial takes beside its passes."""

STEEPEST = 2.0
"""The exponent of growth that is assumed where only one length is known: that of full attention."""

GIB = 2**30


@dataclass(frozen=True)
class Cost:
    """Of one pass at one length: seconds forward, seconds forward and backward, bytes beside the inputs."""

    forward: float
    both: float
    memory: float | None


def expected(known: Mapping[int, Cost], length: int) -> Cost | None:
    """What a pass at a greater length will cost: the growth between the two longest known ones goes on."""
    if not known:
        return None
    *shorter, longest = sorted(known)
    last = known[longest]
    before = known[shorter[-1]] if shorter else None
    ratio = length / longest

    def grown(name: str) -> float:
        value: float = getattr(last, name) or 0.0
        # Fixed costs, which fade, hide the growth of short ones: it is never less than that of the length.
        slope = STEEPEST
        if before is not None and value and (earlier := getattr(before, name)):
            slope = min(max(math.log(value / earlier) / math.log(longest / shorter[-1]), 1.0), STEEPEST + 1)
        return value * float(ratio**slope)

    return Cost(grown("forward"), grown("both"), None if last.memory is None else grown("memory"))


@dataclass
class Budget:
    """What a benchmark may cost.

    Args:
        seconds: in all, from now.
        rounds: how often each attention is measured.
        memory: bytes of one pass, inputs included; None for no bound.
    """

    seconds: float
    rounds: int
    memory: float | None

    def __post_init__(self) -> None:
        self.end = time.perf_counter() + self.seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.perf_counter()

    def needed(self, cost: Cost, tried: bool) -> float:
        """The seconds that an attention needs at a length: a trial unless it is `tried`, a warm-up and its rounds."""
        passes = cost.forward + cost.both
        turns = sum(self.rounds * max(WINDOW, taken) for taken in (cost.forward, cost.both))
        return turns + passes * (1 if tried else 2) + (0 if tried else START)

    def too_much(self, costs: Mapping[str, Cost], inputs: int, tried: bool) -> dict[str, str]:
        """Why which of these can't be measured; the cheapest are, as many as there is room for."""
        reasons = {}
        left = self.left
        for name, cost in sorted(costs.items(), key=lambda item: self.needed(item[1], tried)):
            needed = self.needed(cost, tried)
            if self.memory is not None and cost.memory is not None and cost.memory + inputs > self.memory:
                reasons[name] = f"would take about {_gib(cost.memory + inputs)}; the budget is {_gib(self.memory)}"
            elif needed > left:
                room = f"{max(left, 0):.1f} s of seconds={self.seconds:g} are left"
                reasons[name] = f"would take about {needed:.1f} s; {room}"
            else:
                left -= needed
        return reasons


def _gib(size: float) -> str:
    return f"{size / GIB:.2f} GiB"
