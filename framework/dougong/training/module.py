"""The Lightning module: one step of training and of validation, for any task."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from dougong.compose.settings import OptimizerSettings
from dougong.contracts.schedule import Schedule
from dougong.contracts.task import Batch, Loss, Task
from dougong.errors import UserError
from dougong.training.evaluation import Evaluation
from dougong.training.groups import NO_SETTINGS, Thaw, parameter_groups, scale_rates
from dougong.training.modes import switch
from dougong.training.names import named
from dougong.training.window import AccumulationWindow

OptimizerMaker = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


class TrainingModule(lightning.LightningModule):
    """Trains a task.

    Losses come as sums with a weight. Gradients are divided once an update by the weight of the whole accumulation
    window over all processes, so that k short batches equal the one long batch exactly.

    Args:
        task: the model.
        make_optimizer: makes the optimizer of parameter groups.
        schedule: the learning rate over the updates.
        updates: how many updates there will be.
        decay: "matrices" or "all": what weight decay acts on.
        clip_norm: the gradient's norm is scaled down to this; None to leave it.
        compiled: whether the forward pass is compiled.
        groups: what holds for some of the parameters.
    """

    def __init__(
        self,
        task: Task,
        make_optimizer: OptimizerMaker,
        schedule: Schedule,
        updates: int,
        decay: str = "matrices",
        clip_norm: float | None = None,
        compiled: bool = False,
        groups: OptimizerSettings = NO_SETTINGS,
    ) -> None:
        super().__init__()
        self.task = task
        self.schedule = schedule
        self.updates = updates
        self.decay = decay
        self.clip_norm = clip_norm
        self.groups = groups
        self.valid_records: Iterable[Any] = ()
        self.tables: dict[str, list[list[Any]]] = {}
        self.last_loss = float("nan")
        self._make_optimizer = make_optimizer
        if compiled:
            task.compile(dynamic=True)  # in place: a wrapper would be saved as a second module
        self.thaw = Thaw(task, groups, updates)
        self._window = AccumulationWindow(self)
        self._window_weight: Tensor | float = 0.0
        self._window_records: list[Tensor] = []
        self._window_ends = True
        self._evaluation: Evaluation | None = None

    def configure_optimizers(self) -> Any:
        """The optimizer over parameter groups, and the schedule."""
        groups = parameter_groups(self.task, self.decay, self.groups)
        optimizer = self._make_optimizer(named(groups, self.task))
        scale_rates(optimizer)
        # A fused kernel could undo the scaling of fp16 gradients itself, but only after they have been clipped.
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]

        def factor(update: int) -> float:
            return self.schedule.factor(update, self.updates)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @property
    def _divides_at_once(self) -> bool:
        """Whether an update is one batch of one process, so that its loss can be divided right away."""
        return self.trainer.accumulate_grad_batches == 1 and self.trainer.world_size == 1

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss to differentiate."""
        batches, each = self.trainer.num_training_batches, self.trainer.accumulate_grad_batches
        self._window_ends = (batch_index + 1) % each == 0 or batch_index + 1 >= batches
        self.thaw.at(self.trainer.global_step)
        loss = self._window.add(batch).loss
        mean = _mean(loss)
        records = batch.get("record", batch["index"])
        self._window_records.append(records)
        self.last_loss = mean.item()
        if not math.isfinite(self.last_loss):
            raise self._diverged(f"the loss became {self.last_loss}", [records])
        if not self._divides_at_once:
            self._window_weight = self._window_weight + loss.weight.detach()
        return self.objective(loss)

    def objective(self, loss: Loss) -> Tensor:
        """What is differentiated of a loss: the mean, or the sum where the window is to be divided as a whole."""
        return _mean(loss) if self._divides_at_once else loss.total

    def on_after_backward(self) -> None:
        """Have callbacks take part in the gradients of the window, once they are all there."""
        if self._window_ends:
            self._window.complete()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients by the weight of the whole window, then clip them.

        Raises:
            UserError: they are not finite, which would spoil the weights.
        """
        gradients = gradient_numbers(item for group in optimizer.param_groups for item in group["params"])
        if not self._divides_at_once:
            torch._foreach_mul_(gradients, self._window_factor())
        norm = torch.nn.utils.get_total_norm(gradients)
        # In fp16 infinite gradients are part of finding the scale; such updates are skipped.
        if self.trainer.precision != "16-mixed" and not math.isfinite(value := norm.item()):
            raise self._diverged(f"the gradient's norm became {value}", self._window_records)
        self._window_records.clear()
        if self.clip_norm is not None:
            torch._foreach_mul_(gradients, (self.clip_norm / norm.clamp_min(1e-12)).clamp_max(1.0))

    def _window_factor(self) -> float:
        weight = torch.as_tensor(self._window_weight, device=self.device, dtype=torch.float64)
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(weight)
        self._window_weight = 0.0
        # Lightning has divided each loss by the window's nominal length, and averaged over the processes.
        return self.trainer.accumulate_grad_batches * self.trainer.world_size / max(1.0, float(weight))

    def _diverged(self, what: str, batches: Sequence[Tensor]) -> UserError:
        """Where the training is no longer of numbers; raised before it gets into the weights."""
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        numbers = [number for batch in batches for number in batch.tolist()]
        records = ", ".join(map(str, numbers[:64])) + (", ..." if len(numbers) > 64 else "")
        return UserError(
            f"{what} at update {self.trainer.global_step} (learning rate {rate:.3g}), on the training records "
            f"{records}; try a smaller optimizer.lr or trainer.gradient_clip_norm, or trainer=debug to find the "
            "operation."
        )

    def on_train_start(self) -> None:
        """Train the weights that are trained; a checkpoint holds those that are evaluated."""
        switch(self.trainer.optimizers, "train")

    def on_validation_start(self) -> None:
        """Validate the weights that are evaluated."""
        switch(self.trainer.optimizers, "eval")

    def on_validation_end(self) -> None:
        """Go back to those that are trained."""
        switch(self.trainer.optimizers, "train")

    def on_validation_epoch_start(self) -> None:
        """Begin to collect."""
        self._evaluation = Evaluation(self.task)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Collect one batch."""
        assert self._evaluation is not None
        self._evaluation.add(self.task(batch), batch)

    def on_validation_epoch_end(self) -> None:
        """Score what was collected."""
        assert self._evaluation is not None
        self._evaluation.gather()
        scores = self._evaluation.scores(self.valid_records)
        self.tables = {f"valid/{name}": rows for name, rows in scores.tables.items()}
        for name, value in scores.metrics.items():
            self.log(f"valid/{name}", value)
        self._evaluation = None


def _mean(loss: Loss) -> Tensor:
    return loss.total / loss.weight.clamp_min(1)


def gradient_numbers(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The gradients there are, to be measured and scaled in place; of a sparse one the values, each row once."""
    found = []
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            # Before, a row may be there several times: its norm would not be that of the sum.
            parameter.grad = parameter.grad.coalesce()
            found.append(parameter.grad._values())
        elif parameter.grad is not None:
            found.append(parameter.grad)
    return found
