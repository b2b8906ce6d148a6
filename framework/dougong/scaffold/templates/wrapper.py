"""Wrapper: say here in one line what this is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, ClassVar

from annotated_types import Gt
from dougong import register
from dougong.contracts.wrapper import Place, Wrapper
from dougong.optim.stack import Stack


@register("wrapper", "my_wrapper")
class MyWrapper(Wrapper):
    """Keeps every weight between -`bound` and `bound` (arXiv 1701.07875).

    The first line above is what `dougong plugins` lists. Name the source.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args. What has to be saved goes into `stack.state`, for a
    parameter, or into a group of `stack.param_groups`: never into the wrapper itself.

    Args:
        bound: the greatest size of a weight.
    """

    # Where it stands around the update: "weights", "gradient" or "rows" (innermost).
    # Its contract tells how to say which optimizers it does not go with.
    place: ClassVar[Place] = "weights"

    def __init__(self, bound: Annotated[float, Gt(0)] = 10.0) -> None:
        self.bound = bound

    @contextmanager
    def around(self, stack: Stack) -> Iterator[None]:
        """Before `yield` nothing has moved; after it all that lies within is done.

        Gradients are off here. The weights are those of `stack.param_groups`.
        """
        yield
        for group in stack.param_groups:
            for weight in group["params"]:
                weight.clamp_(-self.bound, self.bound)
