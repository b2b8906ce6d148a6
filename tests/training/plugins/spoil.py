"""For tests: a task whose loss or gradient stops being a number at an update, and an optimizer that does nothing."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge

from dougong import register
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Loss
from dougong_plugins.task.classification import Classification


@register("task", "spoilt")
class Spoilt(Classification):
    """Classification that goes wrong in the forward or the backward pass of `times` training batches after `at`."""

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        at: Annotated[int, Ge(0)] = 0,
        part: Literal["loss", "gradient"] = "loss",
        times: Annotated[int, Ge(1)] = 1000,
        max_length: int = 40,
    ) -> None:
        super().__init__(encoder, facts, max_length)
        self.at, self.part, self.times, self.seen = at, part, times, 0

    def loss(self, outputs, batch):
        """Cross entropy, until."""
        loss = super().loss(outputs, batch)
        if not torch.is_grad_enabled():
            return loss
        self.seen += 1
        if not self.at < self.seen <= self.at + self.times:
            return loss
        spoilt = loss.total * float("nan") if self.part == "loss" else loss.total + (outputs.sum() * 0).sqrt()
        return Loss(spoilt, loss.weight)


@register("optimizer", "watched")
class Watched(torch.optim.SGD):
    """Plain descent that keeps the gradients it was given, and the learning rates."""

    log: list = []  # noqa: RUF012

    def __init__(self, params, lr: float = 0.1) -> None:
        super().__init__(list(params), lr)

    def step(self, closure=None):
        """Remember, then step."""
        result = closure() if closure else None
        gradients = [item.grad.clone() for group in self.param_groups for item in group["params"]]
        Watched.log.append((self.param_groups[0]["lr"], gradients))
        super().step()
        return result
