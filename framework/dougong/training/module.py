"""The Lightning module: one step of training and of validation, for any task."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from dougong.compose.settings import OptimizerSettings
from dougong.contracts.drawing import Drawing
from dougong.contracts.schedule import Schedule
from dougong.contracts.task import Batch, Loss, Task
from dougong.training.attention_pictures import AttentionWatch
from dougong.training.evaluation import Evaluation
from dougong.training.groups import NO_SETTINGS, Thaw, parameter_groups, scale_rates
from dougong.training.memory import BatchInMemory
from dougong.training.modes import switch
from dougong.training.names import named
from dougong.training.processes import group
from dougong.training.processes.agreement import check_same
from dougong.training.processes.gradients import add_up
from dougong.training.processes.sharding import is_sharded, whole
from dougong.training.skipping import SkippedUpdateError, SkippedUpdates
from dougong.training.window import AccumulationWindow

ADVICE = "try a smaller optimizer.lr or trainer.gradient_clip_norm, or trainer=debug to find the operation."
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
        max_skipped: updates in a row that may be left out, since their gradients are not finite.
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
        max_skipped: int = 0,
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
        self.drawings: dict[str, Drawing] = {}
        self.watch: AttentionWatch | None = None  # set where somebody wants to see what attention looks at
        self.last_loss = float("nan")
        self.last_norm: Tensor | float = math.nan  # of the last update's gradient, before it was clipped
        self.skips = SkippedUpdates(max_skipped)
        self.memory = BatchInMemory()
        self._sharded = is_sharded(task)
        self._make_optimizer = make_optimizer
        if compiled:
            task.compile(dynamic=True)  # in place: a wrapper would be saved as a second module
        self.thaw = Thaw(task, groups, updates)
        self._window = AccumulationWindow(self)
        self._window_weight: Tensor | float = 0.0
        self._window_records: list[Tensor] = []
        self._window_ends = True
        self._bad_loss: float | None = None
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
        return self.trainer.accumulate_grad_batches == 1 and group.world() == 1

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss to differentiate."""
        batches, each = self.trainer.num_training_batches, self.trainer.accumulate_grad_batches
        self._window_ends = (batch_index + 1) % each == 0 or batch_index + 1 >= batches
        self.thaw.at(self.trainer.global_step)
        self.memory.now(f"update {self.trainer.global_step}", batch)
        loss = self._window.add(batch).loss
        self._window_records.append(batch.get("record", batch["index"]))
        self.last_loss, weight = _of_all(loss)
        if not math.isfinite(self.last_loss):
            self._bad_loss = self.last_loss
        if not self._divides_at_once:
            self._window_weight = self._window_weight + weight
        return self.objective(loss)

    def objective(self, loss: Loss) -> Tensor:
        """What is differentiated of a loss: the mean, or the sum where the window is to be divided as a whole."""
        return _mean(loss) if self._divides_at_once else loss.total

    def on_after_backward(self) -> None:
        """Once the gradients of the window are all there, have callbacks take part, and add up the processes'."""
        if self._window_ends:
            self._window.complete()
            # Before fp16's scale is taken off: whether they are finite is then the same everywhere.
            self.add_up_gradients()

    def add_up_gradients(self, divisor: float = 1.0) -> None:
        """Let each process have the gradients of all, divided by `divisor`."""
        if group.world() > 1 and not self._sharded:  # what is sharded has been added up where it was divided
            optimizer = self.trainer.optimizers[0]
            add_up((item for entry in optimizer.param_groups for item in entry["params"]), divisor)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients by the weight of the whole window, then clip them.

        Raises:
            SkippedUpdateError: they are not finite, which would spoil the weights.
            UserError: this was so too often in a row.
        """
        gradients = gradient_numbers(item for group in optimizer.param_groups for item in group["params"])
        if not self._divides_at_once:
            torch._foreach_mul_(gradients, self._window_factor())
        norm = whole(torch.nn.utils.get_total_norm(gradients))
        self.last_norm = norm
        self._check_finite(norm)
        if self.clip_norm is not None:
            factor = (self.clip_norm / norm.clamp_min(1e-12)).clamp_max(1.0)
            torch._foreach_mul_(gradients, factor.item() if self._sharded else factor)

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """One update, or none where the gradients are not finite; it counts as one in any case."""
        with suppress(SkippedUpdateError):
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)

    def _check_finite(self, norm: Tensor) -> None:
        bad_loss, self._bad_loss = self._bad_loss, None
        records, self._window_records = self._window_records, []
        # In fp16 infinite gradients are part of finding the scale; such updates are skipped by the scaler.
        scaled = self.trainer.precision == "16-mixed"
        if bad_loss is None and (scaled or math.isfinite(norm.item())):
            self.skips.made()
            return
        what = f"the gradient's norm became {norm.item()}" if bad_loss is None else f"the loss became {bad_loss}"
        self.skips.skip(f"{what} {self._where(records)}", ADVICE)
        if not scaled:
            raise SkippedUpdateError

    def _window_factor(self) -> float:
        weight, self._window_weight = float(self._window_weight), 0.0
        # Lightning has divided each loss by the window's nominal length.
        return self.trainer.accumulate_grad_batches / max(1.0, weight)

    def _where(self, batches: Sequence[Tensor]) -> str:
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        # What is not finite is so in all processes by now, and all of them come here.
        mine = [number for batch in batches for number in batch.tolist() if number >= 0]
        numbers = [number for found in group.everyone(mine) for number in found]
        records = ", ".join(map(str, numbers[:64])) + (", ..." if len(numbers) > 64 else "")
        return f"at update {self.trainer.global_step} (learning rate {rate:.3g}), on the training records {records}"

    def on_train_start(self) -> None:
        """Train the weights that are trained; a checkpoint holds those that are evaluated."""
        switch(self.trainer.optimizers, "train")

    def on_validation_start(self) -> None:
        """Validate the weights that are evaluated."""
        if not self._sharded:
            check_same(self.task)
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
        self.memory.now("the validation", batch)
        watched = self.watch.watching(batch) if self.watch and not batch_index else nullcontext()
        with watched:
            outputs = self.task(batch)
        self._evaluation.add(outputs, batch)

    def on_validation_epoch_end(self) -> None:
        """Score what was collected."""
        assert self._evaluation is not None
        self._evaluation.gather()
        scores = self._evaluation.scores(self.valid_records)
        seen = self.watch.drawings() if self.watch else {}
        self.tables = {f"valid/{name}": rows for name, rows in scores.tables.items()}
        self.drawings = {f"valid/{name}": drawing for name, drawing in (scores.drawings | seen).items()}
        for name, value in scores.metrics.items():
            self.log(f"valid/{name}", value)
        self._evaluation = None


def _mean(loss: Loss) -> Tensor:
    return loss.total / loss.weight.clamp_min(1)


def _of_all(loss: Loss) -> tuple[float, Tensor | float]:
    """The mean loss of a batch and its weight, with the other processes' parts of it."""
    if group.world() == 1:
        return _mean(loss).item(), loss.weight.detach()
    total, weight = group.totals(loss.total.item(), loss.weight.item())
    return total / max(1.0, weight), weight


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
