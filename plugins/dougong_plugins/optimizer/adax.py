"""Optimizer: AdaX."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.optim.optimizer import ParamsT

from dougong import register
from dougong_plugins.optimizer.kernels import adax_choice
from dougong_plugins.optimizer.kernels.adax_update import Coefficients
from dougong_plugins.optimizer.kernels.stateful import (
    StatefulOptimizer,
    check_settings,
    dense_gradient,
    evaluate,
    state_dtype,
)

# exp(700) is about as much as a float64 holds.
_LARGEST_EXPONENT = 700.0


@register("optimizer", "adax")
class AdaX(StatefulOptimizer):
    """AdaX (arXiv 2004.09740): Adam whose second moment has an ever longer memory, and so settles.

    With D_t = (1 + beta2)^t - 1 and c_t = beta2 / D_t the paper's update is

        m_t = beta1 m_{t-1} + (1 - beta1) g_t
        v_t = (1 - c_t) v_{t-1} + c_t g_t^2
        x_t = x_{t-1} - lr m_t / (sqrt(v_t) + eps)

    where v_t is the paper's second moment divided by D_t (as in kexue.fm/archives/7387); the paper's own recurrence
    overflows float32 after 887,273 updates, this one never. Moments of 16-bit parameters are kept in float32.

    Args:
        lr: learning rate.
        betas: decay of the first moment; growth of the second moment's memory.
        eps: added to the root of the second moment.
        weight_decay: share of a weight that is taken off at each update, times the learning rate where decoupled.
        decoupled: whether weight decay acts on the weights (AdaX-W), or as a part of the gradient.
        eps_placement: "paper" adds `eps` to sqrt(v_t), "official" to sqrt(v_t D_t), as the authors' program does.
        backend: how it is computed: PyTorch's fused kernel, blocks that fit in the cache, PyTorch's operations on
            lists, a plain loop; "auto" takes the fastest that works.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = True
    averages_weights: ClassVar = False
    takes_shards: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 1e-3,
        betas: tuple[float, float] = (0.9, 1e-4),
        eps: Annotated[float, Ge(0)] = 1e-8,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
        decoupled: bool = True,
        eps_placement: Literal["paper", "official"] = "paper",
        backend: Literal["auto", "fused", "blocked", "foreach", "loop"] = "auto",
        maximize: bool = False,
    ) -> None:
        check_settings(lr=lr, eps=eps, weight_decay=weight_decay)
        if not 0 <= betas[0] < 1:
            raise ValueError(f"betas: the first must be >= 0 and < 1, got {betas[0]}.")
        if not 0 < betas[1] < math.inf:
            raise ValueError(f"betas: the second must be > 0, got {betas[1]}; it is not Adam's, try 1e-4.")
        if backend not in adax_choice.NAMES:
            raise ValueError(f"backend: must be one of {', '.join(adax_choice.NAMES)}, got {backend!r}.")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled": decoupled,
                "eps_placement": eps_placement,
                "backend": backend,
                "maximize": maximize,
            },
        )

    # There is nothing to gain from compiling what waits for memory, and to trace it would compile each step anew.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient.

        Raises:
            ValueError: a gradient is sparse.
        """
        loss = evaluate(closure)
        for group in self.param_groups:
            for (update, *_), tensors in self._alike(group).items():
                parameters, gradients, averages, squares = zip(*tensors, strict=True)
                adax_choice.update(
                    group["backend"], parameters, gradients, averages, squares, coefficients(group, int(update))
                )
        return loss

    def row_coefficients(self, group: dict[str, Any], counts: Tensor) -> dict[str, Tensor | float] | None:
        """What an update multiplies with, for rows that have each had their own number of updates (wrapper lazy).

        Args:
            counts: (N, 1), this update included.

        Returns:
            by the names of `dougong_plugins.wrapper.rows.adam.Coefficients`; None where the settings make it another
            kind of update.
        """
        if group["maximize"] or group["eps_placement"] != "paper" or (group["weight_decay"] and not group["decoupled"]):
            return None
        share = (group["betas"][1] / (counts * math.log1p(group["betas"][1])).expm1()).clamp(
            min=adax_choice.SMALLEST_SHARE
        )
        return {
            "keep": 1 - group["lr"] * group["weight_decay"],
            "first": 1 - group["betas"][0],
            "second": torch.where(counts == 1, 1.0, share),
            "scale": float(group["lr"]),
            "root": 1.0,
            "eps": group["eps"],
        }

    def _alike(self, group: dict[str, Any]) -> dict[tuple[float, Any, Any], list[tuple[Tensor, ...]]]:
        """Parameters, gradients and moments of a group, by number of the update, type and device."""
        found: dict[tuple[float, Any, Any], list[tuple[Tensor, ...]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            gradient = dense_gradient(parameter, "adax")
            state = self.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float64)
                for name in ("exp_avg", "exp_avg_sq"):
                    state[name] = torch.zeros_like(parameter, dtype=state_dtype(parameter))
            state["step"] += 1
            key = (state["step"].item(), parameter.dtype, parameter.device)
            found[key].append((parameter, gradient, state["exp_avg"], state["exp_avg_sq"]))
        return found


def coefficients(group: dict[str, Any], update: int) -> Coefficients:
    """The numbers of update number `update` (from 1) for a group's settings."""
    exponent = update * math.log1p(group["betas"][1])
    growth = math.expm1(exponent) if exponent < _LARGEST_EXPONENT else math.inf
    eps = group["eps"] if group["eps_placement"] == "paper" else group["eps"] / math.sqrt(growth)
    return Coefficients(
        lr=float(group["lr"]),
        momentum=group["betas"][0],
        share=1.0 if update == 1 else max(group["betas"][1] / growth, adax_choice.SMALLEST_SHARE),
        eps=eps,
        weight_decay=group["weight_decay"],
        decoupled=group["decoupled"],
        maximize=group["maximize"],
    )
