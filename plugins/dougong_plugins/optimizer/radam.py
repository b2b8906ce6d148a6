"""Optimizer: RAdam."""

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register


@register("optimizer", "radam")
class RAdam(torch.optim.RAdam):
    """Adam whose first steps are held back while its second moment knows little (arXiv 1908.03265): PyTorch's.

    It needs no warm-up, so `schedule=constant` goes with it.

    Args:
        lr: learning rate.
        betas: decay of the first and second moments.
        eps: added to the root of the second moment.
        weight_decay: share of a weight that is taken off at each update, times the learning rate where decoupled.
        decoupled: whether weight decay acts on the weights, or as a part of the gradient.
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
        decoupled: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, decoupled, maximize=maximize)
