"""Callback: stop when validation gets no better."""

from typing import Annotated

import pytorch_lightning
from annotated_types import Ge
from pytorch_lightning import Callback

from dougong import register
from dougong.contracts.task import Task


@register("callback", "early_stopping")
class EarlyStopping(Callback):
    """Stops the training when the task's main metric has not got better in `patience` validations.

    Args:
        patience: validations to wait.
        min_delta: what counts as better.
    """

    def __init__(self, patience: Annotated[int, Ge(1)] = 3, min_delta: Annotated[float, Ge(0)] = 0.0) -> None:
        self.patience = patience
        self.min_delta = min_delta
        self.best: float | None = None
        self.waited = 0

    def on_train_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """A run that was stopped stays stopped when it is resumed."""
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def on_validation_end(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Compare the main metric, and count."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        task: Task = pl_module.task  # type: ignore[assignment]
        value = float(trainer.callback_metrics[f"valid/{task.main_metric}"])
        gain = 0.0 if self.best is None else (value - self.best if task.higher_is_better else self.best - value)
        if self.best is None or gain > self.min_delta:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, float | int | None]:
        """What a resumed run goes on with."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, float | int | None]) -> None:
        """Go on where `state_dict()` was taken."""
        self.best = state_dict["best"]
        self.waited = int(state_dict["waited"] or 0)
