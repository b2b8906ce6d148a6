"""Feeds the trackers: training metrics every few updates, validation metrics and tables after each validation."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning import Callback

from dougong.contracts.tracker import RunInformation, Tracker
from dougong.secrets import hide
from dougong.training.processes.group import totals

logger = logging.getLogger(__name__)


class Tracking(Callback):
    """Hands the same measurements to every tracker. A tracker that raises is reported once and left out.

    Args:
        trackers: where the measurements go.
        run: what they are told of the run.
        every: updates between two entries of the training metrics.
    """

    def __init__(self, trackers: Sequence[Tracker], run: RunInformation, every: int) -> None:
        self.trackers = list(trackers)
        self.run = run
        self.every = every
        self.problems: list[str] = []
        self._losses: list[float] = []
        self._examples = 0
        self._tokens = 0
        self._since = 0.0
        self._update = 0
        self.skipped = 0

    def start(self) -> None:
        """Begin all trackers."""
        self._each(lambda tracker: tracker.start(self.run))

    def finish(self, status: str) -> list[str]:
        """End all trackers.

        Returns:
            Lines for the user.
        """
        lines: list[str | None] = []
        self._each(lambda tracker: lines.append(tracker.finish(status)))
        if self.skipped:
            lines.append(f"{self.skipped} updates were left out, since their gradients were not finite; see train.log.")
        return [hide(line) for line in (*self.problems, *lines) if line]

    def state_dict(self) -> dict[str, Any]:
        """The losses that the next entry averages."""
        return {"losses": self._losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        self._losses = list(state_dict["losses"])

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._update = trainer.global_step
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and log every few updates."""
        loss: float = pl_module.last_loss  # type: ignore[assignment]
        if math.isfinite(loss):  # that of an update that is left out is counted apart
            self._losses.append(loss)
        self.skipped = pl_module.skips.total  # type: ignore[union-attr, assignment]
        self._examples += len(batch["index"])
        self._tokens += batch["tokens"].numel() if "tokens" in batch else 0
        update_done, self._update = trainer.global_step != self._update, trainer.global_step
        if update_done and self._update % self.every == 0:
            self.record(self._training_metrics(trainer), trainer)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Training speed leaves validations out."""
        self._paused = time.perf_counter()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Log what the validation found."""
        self._since += time.perf_counter() - self._paused
        if trainer.state.fn != "fit":
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("valid/")}
        self.record(metrics, trainer)
        for name, rows in pl_module.tables.items():  # type: ignore[union-attr, operator]
            self.table(name, rows, trainer.global_step)

    def record(self, metrics: dict[str, float], trainer: lightning.Trainer) -> None:
        """Hand metrics to all trackers."""
        update, epoch = trainer.global_step, trainer.current_epoch
        self._each(lambda tracker: tracker.log(metrics, update, epoch))

    def record_final(
        self, metrics: dict[str, float], tables: dict[str, list[list[Any]]], content: dict[str, Any]
    ) -> None:
        """Hand over what the best checkpoint reached, as of the update that it was saved at."""
        update, epoch = content["global_step"], content["epoch"]
        self._each(lambda tracker: tracker.log(metrics, update, epoch))
        for name, rows in tables.items():
            self.table(name, rows, update)

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Hand a table to all trackers."""
        self._each(lambda tracker: tracker.table(name, rows, update))

    def _training_metrics(self, trainer: lightning.Trainer) -> dict[str, float]:
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        examples, tokens = totals(self._examples, self._tokens)
        metrics = {
            "train/loss": sum(self._losses) / len(self._losses) if self._losses else math.nan,
            "speed/examples_per_second": examples / seconds,
            "speed/tokens_per_second": tokens / seconds,
        }
        if self.skipped:
            metrics["train/skipped_updates"] = float(self.skipped)
        for group in trainer.optimizers[0].param_groups:
            scale = f"_x{group['lr_scale']:.3g}" if "lr_scale" in group else ""
            metrics[f"optimizer/lr{scale}"] = float(group["lr"])
        self._losses, self._examples, self._tokens, self._since = [], 0, 0, now
        return metrics

    def _each(self, call: Callable[[Tracker], Any]) -> None:
        for tracker in list(self.trackers):
            try:
                call(tracker)
            except Exception as error:
                self.trackers.remove(tracker)
                problem = f"{type(tracker).__name__} stopped recording ({type(error).__name__}: {error})"
                self.problems.append(problem)
                logger.warning("%s; the training goes on", problem)
