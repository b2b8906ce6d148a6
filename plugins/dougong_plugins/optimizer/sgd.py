"""Optimizer: stochastic gradient descent."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels.groups import can_fuse, tensors_of
from dougong_plugins.optimizer.kernels.stateful import is_sharded


@register("optimizer", "sgd")
class SGD(torch.optim.SGD):
    """Gradient descent with momentum: PyTorch's, with its fused kernel where there is one.

    Args:
        lr: learning rate.
        momentum: what is kept of earlier updates.
        dampening: what is left out of the gradient where it joins the momentum.
        weight_decay: share of a weight that is added to its gradient.
        nesterov: look ahead along the momentum; it needs momentum, and no dampening.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 0.1,
        momentum: Annotated[float, Ge(0)] = 0.9,
        dampening: Annotated[float, Ge(0)] = 0.0,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("nesterov: needs a momentum above 0 and no dampening.")
        groups: list[Any] = list(params)
        # PyTorch's fused kernel knows no tensors that are spread over processes.
        fused = can_fuse(groups) and not any(is_sharded(tensor) for tensor in tensors_of(groups))
        super().__init__(groups, lr, momentum, dampening, weight_decay, nesterov, maximize=maximize, fused=fused)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        mixed = [group for group in self.param_groups if group["fused"] and self._is_mixed(group)]
        for group in mixed:
            group["fused"] = False
        try:
            super().step()
        finally:
            for group in mixed:
                group["fused"] = True
        return loss

    def _is_mixed(self, group: dict[str, Any]) -> bool:
        """Whether some parameters have their first gradient now, but not all: PyTorch's fused kernel can't be told."""
        if group["momentum"] == 0:
            return False
        moved = [parameter for parameter in group["params"] if parameter.grad is not None]
        begun = [self.state.get(parameter, {}).get("momentum_buffer") is not None for parameter in moved]
        return any(begun) and not all(begun)
