"""Optimizer: AdamW."""

from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register


@register("optimizer", "adamw")
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay (arXiv 1711.05101): PyTorch's, with its fused kernel where there is one.

    Args:
        lr: learning rate.
        betas: decay of the first and second moments.
        eps: added to the root of the second moment.
        weight_decay: share of a weight, times the learning rate, that is taken off at each update.
    """

    row_separable: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 5e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: Annotated[float, Ge(0)] = 1e-8,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
    ) -> None:
        groups: list[Any] = list(params)
        super().__init__(groups, lr, betas, eps, weight_decay, fused=_can_fuse(groups))


def _can_fuse(groups: list[Any]) -> bool:
    """Whether PyTorch has a fused kernel for all of the parameters."""
    tensors = [tensor for item in groups for tensor in (item["params"] if isinstance(item, dict) else [item])]
    return all(
        isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.device.type in ("cpu", "cuda")
        for tensor in tensors
    )
