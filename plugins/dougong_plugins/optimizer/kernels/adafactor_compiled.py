"""One update of Adafactor through torch.compile, once for all shapes; numbers that move are given as tensors."""

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from dougong_plugins.optimizer.kernels.adafactor_update import Coefficients


def tensor(
    parameter: Tensor,
    gradient: Tensor,
    rows: Tensor,
    columns: Tensor,
    average: Tensor | None,
    axes: tuple[int, int],
    k: Coefficients,
) -> None:
    """Update a tensor whose second moment is factored over two axes."""
    share, rate = (torch.tensor(number, dtype=parameter.dtype) for number in (k.share, k.rate))
    function = _compiled(axes, k.eps1, k.eps2, None if math.isinf(k.clip) else k.clip, k.momentum, k.scale_parameter)
    function(parameter.detach(), gradient, rows, columns, average, share, rate)


@cache
def _compiled(
    axes: tuple[int, int], eps1: float, eps2: float, clip: float | None, momentum: float, scale_parameter: bool
) -> Any:
    first, second = axes

    def update(
        parameter: Tensor,
        gradient: Tensor,
        rows: Tensor,
        columns: Tensor,
        average: Tensor | None,
        share: Tensor,
        rate: Tensor,
    ) -> None:
        squares = gradient * gradient
        rows.add_(share * (squares.mean(second, keepdim=True) + eps1 - rows))
        columns.add_(share * (squares.mean(first, keepdim=True) + eps1 - columns))
        mean = rows.mean(first, keepdim=True)
        left, right = mean.sqrt() * rows.rsqrt(), columns.rsqrt()
        step = rate
        if scale_parameter:
            step = step * torch.clamp((parameter * parameter).mean().sqrt(), min=eps2)
        shrink = torch.ones_like(step)
        if clip is not None:
            # The mean square of the update, as a sum over the squares that are at hand.
            weighted = (squares / rows).mean(first, keepdim=True)
            shrink = 1.0 / torch.clamp((weighted / columns * mean).mean().sqrt() / clip, min=1.0)
        if average is None:
            parameter.sub_(gradient * (left * (shrink * step)) * right)
        else:
            parameter.sub_(average.lerp_(gradient * (left * shrink) * right, 1 - momentum) * step)

    return torch.compile(update, fullgraph=True, dynamic=True)
