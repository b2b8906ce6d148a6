"""Optimizer: say here in one line what this is."""

from collections.abc import Callable
from typing import Annotated, ClassVar, overload

import torch
from annotated_types import Ge, Gt, Lt
from dougong import register
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT


@register("optimizer", "my_optimizer")
class MyOptimizer(Optimizer):
    """Gradient descent with momentum and decoupled weight decay.

    The first line above is what `dougong plugins` lists. Name the source below it.
    The settings are the parameters of `__init__`, but for `params`, which the
    framework gives: each has a type, bounds, a default, and a line under Args.

    Args:
        lr: learning rate.
        momentum: share of the last step that is taken again.
        weight_decay: share of a weight, times `lr`, that is taken off at each update.
    """

    # Whether what happens to a row of a matrix depends on that row alone; wrappers that
    # update single rows need it. One that keeps an average of the weights to evaluate
    # with says `averages_weights`, too.
    row_separable: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 0.05,
        momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        # What stands here may differ from group to group, and is saved with them.
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every weight that has a gradient; `closure` computes the loss anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(self._direction(weight, group), alpha=-group["lr"])
        return loss

    def _direction(self, weight: torch.Tensor, group: dict[str, float]) -> torch.Tensor:
        """Where to go; whatever is remembered belongs into `self.state`."""
        assert weight.grad is not None
        gradient = weight.grad.to_dense() if weight.grad.is_sparse else weight.grad
        state = self.state[weight]
        if not state:
            state["average"] = torch.zeros_like(weight)
        average: torch.Tensor = state["average"]
        return average.mul_(group["momentum"]).add_(gradient)
