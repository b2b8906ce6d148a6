"""Callback: say here in one line what this is."""

from typing import Annotated

import torch
from annotated_types import Ge
from dougong import register
from pytorch_lightning import Callback, LightningModule, Trainer


@register("callback", "my_callback")
class MyCallback(Callback):
    """Adds noise to the gradients, less and less of it (arXiv 1511.06807).

    The first line above is what `dougong plugins` lists. Name the source.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args. What can be overridden is what Lightning calls:
    `on_train_batch_end`, `on_validation_end` and so on; `pl_module.task` is the task.
    What a resumed run has to know goes into `state_dict` and `load_state_dict`.

    Args:
        deviation: standard deviation of the noise at the first update.
        decay: the deviation at update t is divided by (1 + t) to this power.
    """

    def __init__(
        self,
        deviation: Annotated[float, Ge(0)] = 0.01,
        decay: Annotated[float, Ge(0)] = 0.55,
    ) -> None:
        self.deviation = deviation
        self.decay = decay

    def on_before_optimizer_step(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        """Add the noise.

        It comes from PyTorch's own generator, whose state a checkpoint holds: a
        resumed run ends with the weights of one that was never stopped.
        """
        deviation = self.deviation / (1 + trainer.global_step) ** self.decay
        for weight in pl_module.parameters():
            if weight.grad is not None:
                weight.grad.add_(torch.randn_like(weight.grad), alpha=deviation)
