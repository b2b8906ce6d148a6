"""Optimizer: LAMB."""

from typing import Annotated, Any, ClassVar

import pytorch_optimizer
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels.copyable import CopyableOptimizer
from dougong_plugins.optimizer.kernels.groups import tensors_of
from dougong_plugins.optimizer.kernels.stateful import is_sharded


@register("optimizer", "lamb")
class Lamb(CopyableOptimizer, pytorch_optimizer.Lamb):
    """Adam with a step of its own for each tensor, relative to its size, for large batches (arXiv 1904.00962).

    It is that of `pytorch-optimizer`, set to the paper's algorithm 2 as in its third version: weight decay is a part
    of the update whose size is compared with the tensor's (counted as 10 at most), and moments are not corrected.

    Args:
        lr: learning rate.
        betas: decay of the first and second moments.
        eps: added to the root of the second moment.
        weight_decay: share of a weight that is added to its update before that is scaled.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = False
    averages_weights: ClassVar = False
    takes_shards: ClassVar = False

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: Annotated[float, Ge(0)] = 1e-6,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
        maximize: bool = False,
    ) -> None:
        # `adam_debias` leaves out its correction of the first moment, which comes after the step has been scaled to
        # the tensor's size, and would make the very first step ten times as long.
        super().__init__(
            params, lr, betas, weight_decay, weight_decouple=False, eps=eps, maximize=maximize, adam_debias=True
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters.

        Raises:
            ValueError: one is spread over processes; the size of the whole of it is not what the package would take.
        """
        if any(is_sharded(tensor) for tensor in tensors_of([param_group])):
            raise ValueError(
                "lamb takes no sharded parameters (DTensor, FSDP2); choose adafactor, adamw, adax, lion, muon, radam, "
                "schedule_free_adamw or sgd."
            )
        super().add_param_group(param_group)
