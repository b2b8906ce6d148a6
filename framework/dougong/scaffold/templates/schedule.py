"""Schedule: say here in one line what this is."""

from typing import Annotated

from annotated_types import Ge, Le
from dougong import register
from dougong.contracts.schedule import Schedule


@register("schedule", "my_schedule")
class MySchedule(Schedule):
    """Down in a straight line, from the optimizer's learning rate to `final` of it.

    The first line above is what `dougong plugins` lists. Name the source below it.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args.

    Args:
        final: the factor at the end.
    """

    def __init__(self, final: Annotated[float, Ge(0), Le(1)] = 0.1) -> None:
        self.final = final

    def factor(self, update: int, updates: int) -> float:
        """The factor of update number `update` (from 0) of `updates` in all.

        It must be a function of these two alone: a resumed run asks in the middle.
        """
        done = min(1.0, update / max(1, updates))
        return 1.0 - (1.0 - self.final) * done
