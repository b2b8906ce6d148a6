"""Schedule: straight lines between points."""

from bisect import bisect_right
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen

from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "piecewise_linear")
class PiecewiseLinear(Schedule):
    """Straight lines between the points {update: factor}; level before the first of them and after the last.

    {0: 0.001, 1000: 1, 20000: 0.1} goes up for 1,000 updates, down until the 20,000th, and stays at a tenth. A factor
    of 0 at 0 would leave the weights where they are at the first update.

    Args:
        points: the factor at each of some updates, counted from 0.
        unit: whether the points are given in updates, or as shares of all updates from 0 to 1.
    """

    def __init__(
        self,
        points: Annotated[dict[Annotated[float, Ge(0)], Annotated[float, Ge(0)]], MinLen(1)],
        unit: Literal["updates", "share"] = "updates",
    ) -> None:
        if unit == "share" and max(points) > 1:
            raise ValueError(f"points: with unit=share they lie between 0 and 1, got {max(points):g}.")
        self.places = sorted(points)
        self.factors = [points[place] for place in self.places]
        self.unit = unit

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Up, down, and level again, within a few updates."""
        return {"points": {0: 0.1, 3: 1.0, 6: 0.5}}

    def factor(self, update: int, updates: int) -> float:
        """The height of the line that this update is under."""
        at = update / max(1, updates) if self.unit == "share" else update
        right = bisect_right(self.places, at)
        if right in (0, len(self.places)):
            return self.factors[max(0, right - 1)]
        (begin, end), (low, high) = self.places[right - 1 : right + 1], self.factors[right - 1 : right + 1]
        return low + (high - low) * (at - begin) / (end - begin)
