"""Callbacks, each of which breaks the promise that its name is the check of."""

import torch
from pytorch_lightning import Callback

from dougong import register
from dougong.contracts.callback import GradientCallback, Pass
from dougong.contracts.task import Loss


@register("callback", "whole_run")
class WholeRun(Callback):
    """Fails at a validation within an epoch."""

    def on_validation_end(self, trainer, pl_module):
        if trainer.global_step == 4:
            raise RuntimeError("not at the end of an epoch")


@register("callback", "trial_run")
class TrialRun(Callback):
    """Needs checkpoints, which a trial of a few batches has not."""

    def on_train_start(self, trainer, pl_module):
        if trainer.fast_dev_run:
            raise RuntimeError("there are no checkpoints")


@register("callback", "state")
class State(Callback):
    """Does not load what it saves."""

    also = ("resumed_run",)

    def __init__(self) -> None:
        self.seen = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen += 1

    def state_dict(self):
        return {"seen": self.seen}


@register("callback", "accumulation")
class Accumulation(GradientCallback):
    """Adds something to the loss of each batch, however many texts it is of."""

    def training_pass(self, task, batch, forward):
        outputs, loss = forward(batch)
        weights = sum(parameter.square().sum() for parameter in task.parameters())
        return Pass(outputs, Loss(loss.total + weights, loss.weight))


@register("callback", "resumed_run")
class ResumedRun(Callback):
    """Halves the weights at the fourth batch that it sees."""

    def __init__(self) -> None:
        self.seen = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen += 1
        if self.seen == 4:
            with torch.no_grad():
                for parameter in pl_module.parameters():
                    parameter.mul_(0.5)
