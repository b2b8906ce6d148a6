"""AdamW's update of rows that have been updated different numbers of times."""

# Shapes: N rows, ... the shape of a row.

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

STEP_OF_ADAM = inspect.unwrap(AdamW.step)


class Coefficients(NamedTuple):
    """What an update of Adam's kind multiplies with.

    m goes by `first` of the way to g, v by `second` of the way to g², and w by -m · scale / (√v · root + eps), after it
    has been multiplied with `keep`.

    Args:
        keep, first, second, scale, root: numbers, or (N, 1) for each row its own.
    """

    keep: Tensor | float
    first: Tensor | float
    second: Tensor | float
    scale: Tensor | float
    root: Tensor | float
    eps: float


def coefficients(core: Optimizer, group: Mapping[str, Any], counts: Tensor) -> Coefficients | None:
    """Those of rows that have been updated `counts` times, this one included; None if the update is of another kind.

    An optimizer of Adam's kind may say its own, with a method `row_coefficients(group, counts)`.

    Args:
        counts: (N, 1), float64.
    """
    if hasattr(core, "row_coefficients"):
        found: Coefficients = core.row_coefficients(group, counts)
        return found
    plain = not any(group.get(name) for name in ("amsgrad", "maximize", "capturable", "differentiable"))
    if not (isinstance(core, AdamW) and inspect.unwrap(type(core).step) is STEP_OF_ADAM and plain):
        return None
    beta1, beta2, rate = *map(float, group["betas"]), float(group["lr"])
    scale, root = rate / (1 - beta1**counts), (1 - beta2**counts).rsqrt_()
    return Coefficients(1 - rate * group["weight_decay"], 1 - beta1, 1 - beta2, scale, root, group["eps"])


def adam_(weights: Tensor, gradients: Tensor, first: Tensor, second: Tensor, by: Coefficients) -> None:
    """Update weights and both moments, (N, ...) each, in place."""
    first.lerp_(gradients, _like(by.first, first))
    square = gradients.square()
    second.lerp_(square, _like(by.second, second))
    if isinstance(by.keep, Tensor) or by.keep != 1:
        weights.mul_(_like(by.keep, weights))
    root = torch.sqrt(second, out=square).mul_(_like(by.root, second)).add_(by.eps)
    weights.addcdiv_(first * _like(by.scale, first), root, value=-1)


def part_of(by: Coefficients, part: slice) -> Coefficients:
    """The coefficients of some of the rows."""
    return Coefficients._make(value[part] if isinstance(value, Tensor) else value for value in by)


def everywhere(by: Coefficients, rows: Tensor, count: int) -> Coefficients:
    """Coefficients for all of `count` rows that do nothing but to these."""

    def spread(value: Tensor | float, otherwise: float) -> Tensor:
        found = torch.full((count, 1), otherwise, dtype=torch.float64, device=rows.device)
        found[rows] = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
        return found

    keep, first, second = spread(by.keep, 1), spread(by.first, 0), spread(by.second, 0)
    return Coefficients(keep, first, second, spread(by.scale, 0), spread(by.root, 1), by.eps)


def _like(factor: Tensor | float, rows: Tensor) -> Any:
    """A factor a row, so that it multiplies the whole of each."""
    return factor.to(rows.dtype).view(-1, *[1] * (rows.ndim - 1)) if isinstance(factor, Tensor) else factor
