"""One update of Adafactor through torch.compile, once for all shapes; numbers that move are given as tensors."""

# Shapes: N rows, M columns, T rows a tile.

import math
from functools import cache, reduce
from typing import Any

import torch
from torch import Tensor

from dougong_plugins.optimizer.kernels import adafactor_update
from dougong_plugins.optimizer.kernels.adafactor_update import Coefficients

# Rows whose columns are summed up together, written out as a sum. A compiled reduction over rows goes down one column
# after the other, where no row can be read ahead.
TILE = 16


def matrix(
    parameter: Tensor, gradient: Tensor, rows: Tensor, columns: Tensor, average: Tensor | None, k: Coefficients
) -> None:
    """Update a contiguous (N, M) matrix; `rows`, `columns` and `average` as in `adafactor_update.matrix`."""
    if len(parameter) < TILE:
        adafactor_update.matrix(parameter, gradient, rows, columns, average, k)
        return
    share, rate = (torch.tensor(number, dtype=parameter.dtype) for number in (k.share, k.rate))
    function = _compiled(k.eps1, k.eps2, None if math.isinf(k.clip) else k.clip, k.momentum, k.scale_parameter)
    function(parameter.detach(), gradient, rows, columns, average, share, rate)


@cache
def _compiled(eps1: float, eps2: float, clip: float | None, momentum: float, scale_parameter: bool) -> Any:
    def update(
        parameter: Tensor,
        gradient: Tensor,
        rows: Tensor,
        columns: Tensor,
        average: Tensor | None,
        share: Tensor,
        rate: Tensor,
    ) -> None:
        height, width = gradient.shape
        rows.add_(share * ((gradient * gradient).mean(1, keepdim=True) + eps1 - rows))
        sums, weighted = _column_sums(gradient, rows.reciprocal())
        columns.add_(share * (sums / height + eps1 - columns))
        mean = rows.mean()
        left, right = mean.sqrt() * rows.rsqrt(), columns.rsqrt()
        step = rate
        if scale_parameter:
            step = step * torch.clamp((parameter * parameter).mean().sqrt(), min=eps2)
        shrink = torch.ones_like(step)
        if clip is not None:
            # The mean square of the update, as a sum over the squares that are at hand.
            mean_square = (weighted / columns * mean).sum() / (height * width)
            shrink = 1.0 / torch.clamp(mean_square.sqrt() / clip, min=1.0)
        if average is None:
            parameter.sub_(gradient * (left * (shrink * step)) * right)
        else:
            parameter.sub_(average.lerp_(gradient * (left * shrink) * right, 1 - momentum) * step)

    return torch.compile(update, fullgraph=True, dynamic=True)


def _column_sums(gradient: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of the squares in each column, (1, M), and the sum of the squares times the rows' weights, (N, 1)."""
    tiles = len(gradient) // TILE
    whole = tiles * TILE
    found = gradient[whole:] * gradient[whole:]
    sums, weighted = found.sum(0, keepdim=True), (found * weights[whole:]).sum(0, keepdim=True)
    parts, factors = gradient[:whole].view(tiles, TILE, -1), weights[:whole].view(tiles, TILE, 1)
    squares = [parts[:, row] * parts[:, row] for row in range(TILE)]
    sums = sums + reduce(torch.add, squares).sum(0, keepdim=True)
    products = [square * factors[:, row] for row, square in enumerate(squares)]
    return sums, weighted + reduce(torch.add, products).sum(0, keepdim=True)
