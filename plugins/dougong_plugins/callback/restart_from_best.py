"""Callback: go back to the best weights, at a lower rate, when validation gets no better."""

from typing import Annotated, Any

import pytorch_lightning
from annotated_types import Ge, Gt, Le
from pytorch_lightning import Callback

from dougong import register
from dougong.checkpoint import file
from dougong.checkpoint.lightning import Checkpoints
from dougong.contracts.task import Task
from dougong.training.processes.sharding import load_weights


@register("callback", "restart_from_best")
class RestartFromBest(Callback):
    """When the main metric has not got better in `patience` validations, goes on from the best weights at a lower rate.

    As the published training of DGCNN does (kexue.fm/archives/6906). The weights are those of `best.ckpt`, which are
    the averages where callback=ema is chosen; that begins anew with them, and so does the optimizer.

    Args:
        patience: validations to wait.
        factor: what the learning rate is multiplied with, from then on, on top of its schedule.
        times: how often at most.
        start: validations before the first that counts.
    """

    def __init__(
        self,
        patience: Annotated[int, Ge(1)] = 5,
        factor: Annotated[float, Gt(0), Le(1)] = 0.1,
        times: Annotated[int, Ge(1)] = 1,
        start: Annotated[int, Ge(0)] = 0,
    ) -> None:
        self.patience = patience
        self.factor = factor
        self.times = times
        self.start = start
        self.best: float | None = None
        self.validations = self.waited = self.restarts = 0

    def on_validation_end(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Compare the main metric, and go back if it is time."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        task: Task = pl_module.task  # type: ignore[assignment]
        value = float(trainer.callback_metrics[f"valid/{task.main_metric}"])
        self.validations += 1
        if self.best is None or (value > self.best if task.higher_is_better else value < self.best):
            self.best, self.waited = value, 0
        elif self.validations > self.start:
            self.waited += 1
        if self.waited >= self.patience and self.restarts < self.times:
            self._restart(trainer, pl_module)

    def _restart(self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule") -> None:
        path = next(item.best_path for item in trainer.callbacks if isinstance(item, Checkpoints))  # type: ignore[attr-defined]
        if not path.exists():
            return  # a trial of a few batches saves nothing
        self.waited = 0
        self.restarts += 1
        load_weights(pl_module, file.load_mapped(path)["state_dict"])
        for optimizer in trainer.optimizers:
            optimizer.state.clear()
        for config in trainer.lr_scheduler_configs:
            scheduler: Any = config.scheduler
            scheduler.base_lrs = [rate * self.factor for rate in scheduler.base_lrs]
            for group in scheduler.optimizer.param_groups:
                group["initial_lr"] *= self.factor
                group["lr"] *= self.factor
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if hasattr(callback, "restart"):
                callback.restart()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on with."""
        names = ("best", "validations", "waited", "restarts")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        for name, value in state_dict.items():
            setattr(self, name, value)
