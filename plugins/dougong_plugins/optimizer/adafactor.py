"""Optimizer: Adafactor."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels import adafactor_alike, adafactor_compiled, adafactor_update
from dougong_plugins.optimizer.kernels.adafactor_update import Coefficients, largest_axes
from dougong_plugins.optimizer.kernels.stateful import (
    StatefulOptimizer,
    check_settings,
    dense_gradient,
    evaluate,
    is_sharded,
    state_dtype,
)


@register("optimizer", "adafactor")
class Adafactor(StatefulOptimizer):
    """Adafactor (arXiv 1804.04235): of a matrix's second moment it keeps one number a row and one a column.

    With relative steps and `lr` 0.01 it is the paper's algorithm 4 to 6; `lr` is the most that a step may be, and what
    a schedule moves. The second moment is factored over the two largest dimensions. Moments of 16-bit parameters are
    kept in float32.

    Args:
        lr: the relative step, which is at most 1 / sqrt(t) where `relative_step`.
        relative_step: whether steps shrink with the number of updates by themselves.
        scale_parameter: whether a step is relative to the root mean square of the parameter that it moves.
        eps1: added to the squared gradient.
        eps2: the least root mean square that a parameter counts with.
        clip_threshold: the root mean square that an update is scaled down to; null to leave it.
        decay_rate: c in the second moment's decay 1 - t^-c.
        momentum: what is kept of earlier updates, after clipping; above 0 it takes 4 bytes a parameter.
        weight_decay: share of a weight, times the relative step, that is taken off at each update.
        min_dim: a smaller dimension is not factored over.
        backend: plain operations on blocks that fit in the cache, or matrices through torch.compile.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = False
    averages_weights: ClassVar = False
    takes_shards: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 1e-2,
        relative_step: bool = True,
        scale_parameter: bool = True,
        eps1: Annotated[float, Gt(0)] = 1e-30,
        eps2: Annotated[float, Ge(0)] = 1e-3,
        clip_threshold: Annotated[float, Gt(0)] | None = 1.0,
        decay_rate: Annotated[float, Gt(0), Le(1)] = 0.8,
        momentum: Annotated[float, Ge(0), Lt(1)] = 0.0,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
        min_dim: Annotated[int, Ge(1)] = 128,
        backend: Literal["eager", "compile"] = "eager",
        maximize: bool = False,
    ) -> None:
        check_settings(lr=lr, eps1=eps1, eps2=eps2, decay_rate=decay_rate, weight_decay=weight_decay)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum: must be >= 0 and < 1, got {momentum}.")
        if eps1 == 0:
            raise ValueError("eps1: must be > 0, or a parameter without a gradient becomes NaN.")
        if backend not in ("eager", "compile"):
            raise ValueError(f"backend: must be eager or compile, got {backend!r}.")
        super().__init__(
            params,
            {
                "lr": lr,
                "relative_step": relative_step,
                "scale_parameter": scale_parameter,
                "eps1": eps1,
                "eps2": eps2,
                "clip_threshold": clip_threshold,
                "decay_rate": decay_rate,
                "momentum": momentum,
                "weight_decay": weight_decay,
                "min_dim": min_dim,
                "backend": backend,
                "maximize": maximize,
            },
        )

    # What gains from being compiled is compiled by `backend`; to trace the rest would compile each step anew.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient.

        Raises:
            ValueError: a gradient is sparse.
        """
        loss = evaluate(closure)
        for group in self.param_groups:
            together, alike = defaultdict(list), defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = dense_gradient(parameter, "adafactor")
                state = self._state(parameter, group)
                state["step"] += 1
                update = int(state["step"].item())
                wide = state_dtype(parameter)
                tensors = (parameter.to(wide), gradient.to(wide), state)
                if "exp_avg_sq" in state and is_sharded(parameter):
                    _decay([tensors[0]], coefficients(group, update), group)
                    adafactor_update.single(
                        *tensors[:2], state["exp_avg_sq"], state.get("exp_avg"), coefficients(group, update)
                    )
                    _narrow(parameter, tensors[0])
                elif "exp_avg_sq" in state:
                    together[update, wide, parameter.device].append((parameter, *tensors))
                elif parameter.numel() <= adafactor_alike.SMALL and _is_plain_matrix(*tensors[:2]):
                    alike[update, wide, parameter.device, parameter.shape].append((parameter, *tensors))
                else:
                    _factored(*tensors, coefficients(group, update), group)
                    _narrow(parameter, tensors[0])
            for (update, *_), found in together.items():
                _whole([tensors for _, *tensors in found], coefficients(group, update), group)
                for parameter, wide, *_ in found:
                    _narrow(parameter, wide)
            for (update, *_, shape), found in alike.items():
                for batch in adafactor_alike.batches(found, shape.numel()):
                    _alike([tensors for _, *tensors in batch], coefficients(group, update), group)
                    for parameter, wide, *_ in batch:
                        _narrow(parameter, wide)
        return loss

    def _state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        if not state:
            dtype = state_dtype(parameter)
            axes = largest_axes(parameter.shape, group["min_dim"])
            state["step"] = torch.zeros((), dtype=torch.float64)
            if axes is None:
                state["exp_avg_sq"] = torch.zeros_like(parameter, dtype=dtype)
            else:
                for name, axis in zip(("exp_avg_sq_row", "exp_avg_sq_col"), reversed(axes), strict=True):
                    shape = [1 if axis == other else size for other, size in enumerate(parameter.shape)]
                    state[name] = parameter.new_zeros(shape, dtype=dtype)
            if group["momentum"]:
                state["exp_avg"] = torch.zeros_like(parameter, dtype=dtype)
        return state


def coefficients(group: dict[str, Any], update: int) -> Coefficients:
    """The numbers of update number `update` (from 1) for a group's settings."""
    rate = min(float(group["lr"]), 1 / math.sqrt(update)) if group["relative_step"] else float(group["lr"])
    return Coefficients(
        rate=-rate if group["maximize"] else rate,
        share=update ** -group["decay_rate"],
        eps1=group["eps1"],
        eps2=group["eps2"],
        clip=math.inf if group["clip_threshold"] is None else group["clip_threshold"],
        momentum=group["momentum"],
        scale_parameter=group["scale_parameter"],
    )


def _factored(
    parameter: Tensor, gradient: Tensor, state: dict[str, Any], k: Coefficients, group: dict[str, Any]
) -> None:
    _decay([parameter], k, group)
    rows, columns, average = state["exp_avg_sq_row"], state["exp_avg_sq_col"], state.get("exp_avg")
    axes = largest_axes(parameter.shape, group["min_dim"])
    assert axes is not None
    if _is_plain_matrix(parameter, gradient):
        way = adafactor_compiled if group["backend"] == "compile" else adafactor_update
        way.matrix(parameter, gradient, rows, columns, average, k)
    else:
        adafactor_update.tensor(parameter, gradient, rows, columns, average, axes, k)


def _is_plain_matrix(parameter: Tensor, gradient: Tensor) -> bool:
    plain = not is_sharded(parameter) and parameter.is_contiguous() and gradient.is_contiguous()
    return parameter.ndim == 2 and plain


def _alike(found: list[list[Any]], k: Coefficients, group: dict[str, Any]) -> None:
    parameters, gradients, states = zip(*found, strict=True)
    _decay(parameters, k, group)
    averages = [state["exp_avg"] for state in states] if group["momentum"] else None
    rows, columns = ([state[name] for state in states] for name in ("exp_avg_sq_row", "exp_avg_sq_col"))
    adafactor_alike.matrices(parameters, gradients, rows, columns, averages, k)


def _whole(found: list[list[Any]], k: Coefficients, group: dict[str, Any]) -> None:
    parameters, gradients, states = zip(*found, strict=True)
    _decay(parameters, k, group)
    averages = [state["exp_avg"] for state in states] if group["momentum"] else None
    adafactor_update.tensors(parameters, gradients, [state["exp_avg_sq"] for state in states], averages, k)


def _decay(parameters: Any, k: Coefficients, group: dict[str, Any]) -> None:
    if group["weight_decay"]:
        torch._foreach_mul_(parameters, 1 - abs(k.rate) * group["weight_decay"])


def _narrow(parameter: Tensor, wide: Tensor) -> None:
    if wide is not parameter:
        parameter.copy_(wide)
