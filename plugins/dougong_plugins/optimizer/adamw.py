"""Optimizer: AdamW."""

from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels.groups import can_fuse


@register("optimizer", "adamw")
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay (arXiv 1711.05101): PyTorch's, with its fused kernel where there is one.

    Args:
        lr: learning rate.
        betas: decay of the first and second moments.
        eps: added to the root of the second moment.
        weight_decay: share of a weight, times the learning rate, that is taken off at each update.
        amsgrad: divide by the largest second moment so far (arXiv 1904.09237).
        maximize: go up instead of down.
    """

    row_separable: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 5e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: Annotated[float, Ge(0)] = 1e-8,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        groups: list[Any] = list(params)
        fused = can_fuse(groups)
        super().__init__(groups, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, fused=fused)
