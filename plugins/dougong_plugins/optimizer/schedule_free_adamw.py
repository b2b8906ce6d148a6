"""Optimizer: AdamW that needs no schedule."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import schedulefree
import torch
from annotated_types import Ge, Gt
from torch.optim.optimizer import ParamsT

from dougong import register

# What is evaluated can be calculated from what is trained and back, but for a rounding error each time.
TRAINED = "trained"


@register("optimizer", "schedule_free_adamw")
class ScheduleFreeAdamW(schedulefree.AdamWScheduleFree):  # type: ignore[misc]
    """AdamW that averages its weights instead of lowering its rate (arXiv 2405.15682): its authors' `schedulefree`.

    Gradients are taken at one point, answers at another: `eval()` puts the averaged weights into the model, `train()`
    those to train on, and the weights to keep are the averaged ones. Within Dougong that is done for you; choose
    `schedule=constant`, as it warms up by itself.

    Args:
        lr: learning rate; it likes more than AdamW.
        betas: how near the gradients are taken to the average; decay of the second moment.
        eps: added to the root of the second moment.
        weight_decay: share of a weight, times the learning rate, that is taken off at each update.
        warmup_updates: updates in which the rate rises.
        average_power: updates count in the average by this power of their number.
        lr_power: and by this power of the largest rate so far.
        maximize: go up instead of down.
    """

    row_separable: ClassVar = False
    averages_weights: ClassVar = True
    takes_shards: ClassVar = True

    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[float, Gt(0)] = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: Annotated[float, Ge(0)] = 1e-8,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
        warmup_updates: Annotated[int, Ge(0)] = 0,
        average_power: Annotated[float, Ge(0)] = 0.0,
        lr_power: Annotated[float, Ge(0)] = 2.0,
        maximize: bool = False,
    ) -> None:
        if not 0 < betas[0] < 1:
            raise ValueError(f"betas: the first must be > 0 and < 1, got {betas[0]}.")
        super().__init__(params, lr, betas, eps, weight_decay, warmup_updates, average_power, lr_power)
        self.defaults["maximize"] = maximize
        for group in self.param_groups:
            group.setdefault("maximize", maximize)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; the gradients are written over."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if group["maximize"] and parameter.grad is not None:
                    parameter.grad.neg_()
        super().step()
        return loss

    @torch.no_grad()
    def eval(self) -> None:
        """Put the averaged weights in place; those to train on are kept in the state, to the bit."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if group["train_mode"] and "z" in self.state.get(parameter, {}):
                    self.state[parameter][TRAINED] = parameter.detach().clone()
        super().eval()

    @torch.no_grad()
    def train(self) -> None:
        """Put the weights to train on back."""
        super().train()
        for parameter, state in self.state.items():
            if TRAINED in state:
                parameter.copy_(state.pop(TRAINED))
