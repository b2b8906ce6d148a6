"""Optimizer: Lion."""

from typing import Annotated, ClassVar

import pytorch_optimizer
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels.copyable import CopyableOptimizer


@register("optimizer", "lion")
class Lion(CopyableOptimizer, pytorch_optimizer.Lion):
    """Steps by the sign of an averaged gradient (arXiv 2302.06675): that of `pytorch-optimizer`.

    Every weight moves by `lr`, so take a third to a tenth of AdamW's learning rate, and as many times its weight decay.

    Args:
        lr: learning rate.
        betas: decay in what gives the sign; decay of the average that is kept.
        weight_decay: share of a weight, times the learning rate, that is taken off at each update.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = True
    averages_weights: ClassVar = False
    takes_shards: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: Annotated[float, Ge(0)] = 0.1,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, weight_decay, maximize=maximize)
