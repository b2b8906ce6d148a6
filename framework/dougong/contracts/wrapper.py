"""The contract of a wrapper plugin: one stage of an optimizer's step."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import nn

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from dougong.optim.stack import Stack

Place = Literal["weights", "gradient", "rows"]
# From the outermost to the innermost: what lies around the core's update, in whatever order it was listed.
PLACES: tuple[Place, ...] = ("weights", "gradient", "rows")


class Wrapper(ABC):
    """Changes what an optimizer does, as a stage around its update; a stack is an optimizer with its stages.

    A stage keeps what has to be saved in the stack's own `state` and `param_groups`, so that one state dict of
    PyTorch's shape holds all. `place` says where it belongs: around the weights (before anything moves and after all
    has), at the gradient, or at single rows of it. `needs_row_separable` says that it updates rows one by one, which
    only an optimizer that says `row_separable` allows. `replaces_weights` says that it puts other weights in place,
    which is not for an optimizer that says `averages_weights`, since it keeps some of its own.
    """

    place: ClassVar[Place]
    needs_row_separable: ClassVar[bool] = False
    replaces_weights: ClassVar[bool] = False

    def attach(self, stack: "Stack", model: nn.Module | None) -> None:  # noqa: B027 - most stages need neither
        """Get to know the optimizer, and the model if there is one.

        Raises:
            ValueError: they do not go together, with the reason.
        """

    @abstractmethod
    def around(self, stack: "Stack") -> AbstractContextManager[None]:
        """What is done before (on entering) and after (on leaving) that which lies within: inner stages, the core."""

    def eval(self, stack: "Stack") -> None:  # noqa: B027 - most stages have no other weights
        """Put the weights in place that are to be evaluated."""

    def train(self, stack: "Stack") -> None:  # noqa: B027
        """Put the weights in place that are trained."""

    def wrap(self, optimizer: "Optimizer", model: nn.Module | None = None) -> "Stack":
        """The optimizer with this stage alone."""
        from dougong.optim.stack import Stack

        return Stack(optimizer, [self], model)
