"""One update of Adafactor of several small matrices of one shape, with each operation for all of them."""

# Shapes: B matrices, N rows, M columns.

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch

from dougong_plugins.optimizer.kernels.adafactor_update import Coefficients, Tensors, shrinkage

# Elements of a matrix below which starting its operations takes longer than doing them.
SMALL = 1 << 18
# Elements that are updated at a time: more of new memory would be found page by page.
BLOCK = 1 << 18
Item = TypeVar("Item")


def batches(found: Sequence[Item], elements: int) -> Iterator[Sequence[Item]]:
    """As many at a time as stay in the cache, of matrices with so many elements."""
    size = max(1, BLOCK // elements)
    yield from (found[start : start + size] for start in range(0, len(found), size))


def matrices(
    parameters: Tensors, gradients: Tensors, rows: Tensors, columns: Tensors, averages: Tensors | None, k: Coefficients
) -> None:
    """Update B matrices of (N, M).

    Args:
        rows: (N, 1) each, R, changed in place.
        columns: (1, M) each, C, changed in place.
        averages: (N, M) each, changed in place; None without momentum.
    """
    root = math.sqrt(parameters[0].numel())
    updates, row, column = torch.stack(list(gradients)), torch.stack(list(rows)), torch.stack(list(columns))
    squares = updates.square()
    row.lerp_(squares.mean(2, keepdim=True).add_(k.eps1), k.share)
    column.lerp_(squares.mean(1, keepdim=True).add_(k.eps1), k.share)
    torch._foreach_copy_(list(rows), list(row.unbind()))
    torch._foreach_copy_(list(columns), list(column.unbind()))
    # In this order no product overflows where a row and a column have had no gradient yet.
    updates.mul_(row.rsqrt().mul_(row.mean(1, keepdim=True).sqrt())).mul_(column.rsqrt())
    factors = shrinkage(torch.linalg.vector_norm(updates, dim=(1, 2), keepdim=True) / root, k)
    steps = torch.full_like(factors, k.rate)
    if k.scale_parameter:
        sizes = torch.stack(torch._foreach_norm(parameters)) / root
        steps *= sizes.clamp_(min=k.eps2).view_as(steps)
    if averages is None:
        torch._foreach_sub_(parameters, list(updates.mul_(factors * steps).unbind()))
        return
    torch._foreach_lerp_(averages, list(updates.mul_(factors).unbind()), 1 - k.momentum)
    torch._foreach_sub_(parameters, torch._foreach_mul(averages, list(steps.view(-1).unbind())))
