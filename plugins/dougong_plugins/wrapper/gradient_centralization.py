"""Wrapper: gradient centralization."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from torch import Tensor

from dougong import register
from dougong.contracts.wrapper import Place, Wrapper
from dougong.optim.stack import Stack


@register("wrapper", "gradient_centralization")
class GradientCentralization(Wrapper):
    """Takes the mean off each output's gradient, so that weights keep their mean (arXiv 2004.01461).

    A gradient of shape (outputs, inputs, ...) gets the mean 0 over all dimensions but the first; those of biases and
    normalisations are left. It acts on what the optimizer is given, after clipping.

    Args:
        convolutions_only: leave matrices, and change the gradients of convolutions alone.
    """

    place: ClassVar[Place] = "gradient"

    def __init__(self, convolutions_only: bool = False) -> None:
        self.least_dimensions = 3 if convolutions_only else 2

    @contextmanager
    def around(self, stack: Stack) -> Iterator[None]:
        """Centralize every gradient."""
        for group in stack.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.ndim >= self.least_dimensions:
                    parameter.grad = centralized(parameter.grad)
        yield


def centralized(gradient: Tensor) -> Tensor:
    """The gradient less its mean over all dimensions but the first; in place where it is dense."""
    if not gradient.is_sparse:
        return gradient.sub_(gradient.mean(dim=tuple(range(1, gradient.ndim)), keepdim=True))
    gradient = gradient.coalesce()
    centralized(gradient._values())  # one row a row of the matrix, and the same memory
    return gradient
