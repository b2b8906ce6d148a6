"""One update of Adafactor: of matrices in blocks, of any tensor by the plain formula, of many small ones together."""

# Shapes: N rows, M columns.

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Elements of a matrix that are gone through at a time: what is computed of them stays in the cache that cores share.
BLOCK = 1 << 20

Tensors = list[Tensor] | tuple[Tensor, ...]


@dataclass(frozen=True)
class Coefficients:
    """The numbers of one update.

    Args:
        rate: the relative step; below 0 to go up.
        share: what the new square takes of the second moment.
        eps1: added to the squared gradient.
        eps2: the least size that a parameter counts with.
        clip: the root of the mean square that updates are scaled down to.
        momentum: what is kept of earlier updates.
        scale_parameter: whether a step is relative to the parameter's size.
    """

    rate: float
    share: float
    eps1: float
    eps2: float
    clip: float
    momentum: float
    scale_parameter: bool


def largest_axes(shape: Sequence[int], min_dim: int) -> tuple[int, int] | None:
    """The two largest dimensions in their order; None if there are none of at least `min_dim`."""
    if len(shape) < 2:
        return None
    first, second = sorted(sorted(range(len(shape)), key=lambda axis: shape[axis])[-2:])
    return (first, second) if min(shape[first], shape[second]) >= min_dim else None


def matrix(
    parameter: Tensor, gradient: Tensor, rows: Tensor, columns: Tensor, average: Tensor | None, k: Coefficients
) -> None:
    """Update a contiguous (N, M) matrix, reading the gradient twice.

    The mean square of the update before it is clipped, of g^2 mean(R) / (R C), is a weighted sum of the very squares
    that C sums up: both sums are taken while a block is at hand.

    Args:
        rows: (N, 1), R, changed in place.
        columns: (1, M), C, changed in place.
        average: (N, M), changed in place; None without momentum.
    """
    height, width = parameter.shape
    blocks = max(1, BLOCK // width)
    scratch = torch.empty(min(blocks, height), width, dtype=gradient.dtype, device=gradient.device)
    ones = gradient.new_ones(max(width, len(scratch)))
    sums, weighted = gradient.new_zeros(width), gradient.new_zeros(width)
    row, column = rows.view(-1), columns.view(-1)
    for part, of_rows in zip(torch.split(gradient, blocks), torch.split(row, blocks), strict=True):
        squares = torch.mul(part, part, out=scratch[: len(part)])
        of_rows.lerp_(torch.mv(squares, ones[:width]).div_(width).add_(k.eps1), k.share)
        sums.addmv_(squares.t(), ones[: len(part)])
        weighted.addmv_(squares.t(), of_rows.reciprocal())
    column.lerp_(sums.div_(height).add_(k.eps1), k.share)
    mean = row.mean()
    mean_square = torch.dot(weighted, column.reciprocal()) * mean / parameter.numel()
    shrink = shrinkage(mean_square.sqrt(), k)
    step = _rate(parameter, k)
    # Roots first: where a row has had no gradient yet, mean / R overflows.
    left, right = rows.rsqrt().mul_(mean.sqrt()), columns.rsqrt()
    left.mul_(shrink if average is not None else -shrink * step)
    averages = [None] * -(-height // blocks) if average is None else torch.split(average, blocks)
    parts = zip(
        torch.split(parameter, blocks), torch.split(gradient, blocks), torch.split(left, blocks), averages, strict=True
    )
    for target, part, of_rows, of_average in parts:
        # In this order no product overflows where a row and a column have had no gradient yet.
        update = torch.mul(part, of_rows, out=scratch[: len(part)])
        if of_average is None:
            target.addcmul_(update, right)
        else:
            target.sub_(of_average.lerp_(update.mul_(right), 1 - k.momentum) * step)


def single(parameter: Tensor, gradient: Tensor, second: Tensor, average: Tensor | None, k: Coefficients) -> None:
    """Update one tensor whose second moment is kept whole; it may be spread over processes."""
    second.lerp_(gradient.square().add_(k.eps1), k.share)
    _move(parameter, gradient * second.rsqrt(), average, k)


def tensor(
    parameter: Tensor,
    gradient: Tensor,
    rows: Tensor,
    columns: Tensor,
    average: Tensor | None,
    axes: tuple[int, int],
    k: Coefficients,
) -> None:
    """Update a tensor of any shape whose second moment is factored over two axes, by the formula as it stands."""
    first, second = axes
    squares = gradient.square().add_(k.eps1)
    rows.lerp_(squares.mean(second, keepdim=True), k.share)
    columns.lerp_(squares.mean(first, keepdim=True), k.share)
    update = gradient * (rows.mean(first, keepdim=True).sqrt() * rows.rsqrt()) * columns.rsqrt()
    _move(parameter, update, average, k)


def _move(parameter: Tensor, update: Tensor, average: Tensor | None, k: Coefficients) -> None:
    update = update * shrinkage(_size(update), k)
    if average is not None:
        update = average.lerp_(update, 1 - k.momentum)
    parameter.sub_(update * _rate(parameter, k))


def tensors(
    parameters: Tensors,
    gradients: Tensors,
    squares: Tensors,
    averages: Tensors | None,
    k: Coefficients,
) -> None:
    """Update tensors whose second moments are kept whole, all of them with each operation."""
    new = torch._foreach_mul(gradients, gradients)
    torch._foreach_add_(new, k.eps1)
    torch._foreach_lerp_(squares, new, k.share)
    updates = torch._foreach_div(gradients, torch._foreach_sqrt(squares))
    roots = updates[0].new_tensor([math.sqrt(parameter.numel()) for parameter in parameters])
    factors = shrinkage(torch.stack(torch._foreach_norm(updates)) / roots, k)
    steps = torch.full_like(roots, k.rate)
    if k.scale_parameter:
        steps *= (torch.stack(torch._foreach_norm(parameters)) / roots).clamp_(min=k.eps2)
    if averages is not None:
        torch._foreach_mul_(updates, list(factors.unbind()))
        torch._foreach_lerp_(averages, updates, 1 - k.momentum)
        updates, factors = tuple(averages), torch.ones_like(factors)
    torch._foreach_sub_(parameters, torch._foreach_mul(updates, list((factors * steps).unbind())))


def _size(values: Tensor) -> Tensor:
    """The root of the mean square."""
    size: Tensor = torch.linalg.vector_norm(values) / math.sqrt(values.numel())
    return size


def shrinkage(size: Tensor, k: Coefficients) -> Tensor:
    """What an update of that size is multiplied by."""
    return (size / k.clip).clamp(min=1.0).reciprocal()


def _rate(parameter: Tensor, k: Coefficients) -> Tensor:
    """The step as a scalar tensor; on a GPU nobody waits for it."""
    return _size(parameter).clamp(min=k.eps2) * k.rate if k.scale_parameter else parameter.new_full((), k.rate)
