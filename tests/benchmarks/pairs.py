"""Two contenders that take turns, step by step, in one process."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from dougong.benchmark.timing import take_turns

Seconds = Callable[[], float]
"""Runs once, and answers with the seconds that it took."""

WINDOWS = 4


class Comparison(NamedTuple):
    """Of two contenders.

    Args:
        milliseconds: of the second, the median.
        ratio: of the second's time to the first's, the median over the turns.
        others: the largest share of the machine that other processes took meanwhile.
    """

    milliseconds: float
    ratio: float
    others: float


def compare(base: Seconds, other: Seconds, wait: float = 6.0) -> Comparison:
    """What counts are the least disturbed windows; until enough are not disturbed it waits for so many seconds."""
    times: dict[float, float] = {}

    def turn() -> float:
        first, second = base(), other()
        times[second / first] = second
        return second / first

    window = take_turns({"pair": turn}, WINDOWS, wait=wait)["pair"]
    milliseconds = 1000 * statistics.median(times[ratio] for ratio in window.passes)
    return Comparison(milliseconds, statistics.median(window.passes), window.others)
