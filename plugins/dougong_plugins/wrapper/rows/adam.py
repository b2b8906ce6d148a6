"""AdamW's update of rows that have been updated different numbers of times."""

# Shapes: N rows, ... the shape of a row.

import inspect
from collections.abc import Mapping, Sequence
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

    An optimizer of Adam's kind may say its own, by a method `row_coefficients(group, counts)` that gives them by name.

    Args:
        counts: (N, 1), float64.
    """
    if hasattr(core, "row_coefficients"):
        found = core.row_coefficients(group, counts)
        return None if found is None else Coefficients(**found)
    if not _is_plain(core, group):
        return None
    beta1, beta2, rate = *map(float, group["betas"]), float(group["lr"])
    scale, root = rate / (1 - beta1**counts), (1 - beta2**counts).rsqrt_()
    return Coefficients(1 - rate * group["weight_decay"], 1 - beta1, 1 - beta2, scale, root, group["eps"])


def has_kernel(core: Optimizer, group: Mapping[str, Any], weight: Tensor) -> bool:
    """Whether `kernel_` does what this optimizer does."""
    return _is_plain(core, group) and bool(group.get("fused")) and weight.device.type == "cpu"


def kernel_(group: Mapping[str, Any], rows: Sequence[Tensor], clocks: Sequence[int], lengths: Sequence[int]) -> None:
    """Update rows of which those with one clock lie together by PyTorch's kernel, in place.

    The optimizer's own step would call the same, but takes longer to get there than the kernel for a batch's rows.

    Args:
        rows: weights, gradients and both moments, (N, ...) each.
        clocks: how many updates the rows of each run have had.
        lengths: of the runs.
    """
    beta1, beta2 = map(float, group["betas"])
    weights, gradients, first, second = (values.split_with_sizes(lengths) for values in rows)
    torch._fused_adamw_(
        weights,
        gradients,
        first,
        second,
        [],
        (torch.tensor(clocks, dtype=torch.float32) + 1).unbind(),
        lr=float(group["lr"]),
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


def adam_(weights: Tensor, gradients: Tensor, first: Tensor, second: Tensor, by: Coefficients, scratch: Tensor) -> None:
    """Update weights and both moments, (N, ...) each, in place; `scratch`, as large as they or larger, is written."""
    first.lerp_(gradients, _like(by.first, first))
    scratch = torch.mul(gradients, gradients, out=scratch[: len(gradients)])
    second.lerp_(scratch, _like(by.second, second))
    if isinstance(by.keep, Tensor) or by.keep != 1:
        weights.mul_(_like(by.keep, weights))
    root = torch.sqrt(second, out=scratch).mul_(_like(by.root, second)).add_(by.eps).div_(_like(by.scale, second))
    weights.addcdiv_(first, root, value=-1)


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


def _is_plain(core: Optimizer, group: Mapping[str, Any]) -> bool:
    settings = ("amsgrad", "maximize", "capturable", "differentiable")
    is_adamw = isinstance(core, AdamW) and inspect.unwrap(type(core).step) is STEP_OF_ADAM
    return is_adamw and not any(group.get(name) for name in settings)


def _like(factor: Tensor | float, rows: Tensor) -> Any:
    """A factor a row, so that it multiplies the whole of each."""
    return factor.to(rows.dtype).view(-1, *[1] * (rows.ndim - 1)) if isinstance(factor, Tensor) else factor
