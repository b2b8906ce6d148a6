"""Callback: two passes under different dropout that are to agree."""

from collections.abc import Callable
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor

from dougong import register
from dougong.contracts.callback import GradientCallback, Pass
from dougong.contracts.task import Batch, Loss, Task


@register("callback", "r_drop")
class RDrop(GradientCallback):
    """Passes over each batch twice, under different dropout, and trains the two outputs to agree.

    The loss is half of that of the paper, so that without a difference it is the usual one: the mean of the two
    passes' losses plus alpha / 4 (KL(p1 | p2) + KL(p2 | p1)) a target. An update costs two passes.

    Source: Wu and others, "R-Drop: Regularized Dropout for Neural Networks", 2021, https://arxiv.org/abs/2106.14448.

    Args:
        alpha: weight of the divergence, as in the paper.
    """

    needs: ClassVar = frozenset({"distributions"})
    takes_shards: ClassVar = True

    def __init__(self, alpha: Annotated[float, Gt(0)] = 1.0) -> None:
        self.alpha = alpha

    def training_pass(self, task: Task, batch: Batch, forward: Callable[[Batch], Pass]) -> Pass:
        """Both passes."""
        one, other = forward(batch), forward(batch)
        rows = zip(task.distributions(one.outputs, batch), task.distributions(other.outputs, batch), strict=True)
        apart = torch.stack([divergence(*pair) for pair in rows]).sum()
        total = (one.loss.total + other.loss.total) / 2 + self.alpha / 4 * apart
        return Pass(one.outputs, Loss(total, one.loss.weight))


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """KL(p | q) + KL(q | p) of distributions given as (K, C) logits, summed; in float32 at least."""
    one, other = (item if item.dtype == torch.float64 else item.float() for item in (one, other))
    return ((one.softmax(-1) - other.softmax(-1)) * (one.log_softmax(-1) - other.log_softmax(-1))).sum()
