"""Feeds the trackers: training metrics every few updates, validation metrics and tables after each validation."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning import Callback

from dougong.contracts.drawing import Drawing
from dougong.contracts.task import Scores
from dougong.contracts.tracker import RunInformation, Tracker
from dougong.pictures import can_draw
from dougong.secrets import hide
from dougong.training.lifetime import memory_now
from dougong.training.movement import Movement, suffix
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
        self._movement = Movement()
        self._measures_movement = False
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
        self._measures_movement = False

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the weights before an update that is going to be logged."""
        if not self._measures_movement and (trainer.global_step + 1) % self.every == 0:
            self._movement.before(trainer.optimizers[0].param_groups)
            self._measures_movement = True

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
            self.record(self._training_metrics(trainer, float(pl_module.last_norm)), trainer)  # type: ignore[arg-type]

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
        for name, drawing in pl_module.drawings.items():  # type: ignore[union-attr, operator]
            self.draw(name, drawing, trainer.global_step)

    def record(self, metrics: dict[str, float], trainer: lightning.Trainer) -> None:
        """Hand metrics to all trackers."""
        update, epoch = trainer.global_step, trainer.current_epoch
        self._each(lambda tracker: tracker.log(metrics, update, epoch))

    def record_final(self, split: str, scores: Scores, content: dict[str, Any]) -> dict[str, float]:
        """Hand over what the best checkpoint reached on a split, as of the update that it was saved at.

        Returns:
            The metrics, with the split in their names.
        """
        update, epoch = content["global_step"], content["epoch"]
        metrics = {f"{split}/{name}": value for name, value in scores.metrics.items()}
        self._each(lambda tracker: tracker.log(metrics, update, epoch))
        for name, rows in scores.tables.items():
            self.table(f"{split}/{name}", rows, update)
        for name, drawing in scores.drawings.items():
            self.draw(f"{split}/{name}", drawing, update)
        return metrics

    def checkpoint(self, path: Path, metrics: dict[str, float], content: dict[str, Any]) -> None:
        """Tell all trackers of the best checkpoint."""
        self._each(lambda tracker: tracker.checkpoint(path, metrics, content["global_step"]))

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Hand a table to all trackers."""
        self._each(lambda tracker: tracker.table(name, rows, update))

    def draw(self, name: str, drawing: Drawing, update: int) -> None:
        """Hand a drawing to all trackers."""
        self._each(lambda tracker: tracker.draw(name, drawing, update))

    @property
    def wants_pictures(self) -> bool:
        """Whether pictures of attention are of use: a tracker shows some, and they can be made."""
        return any(tracker.shows_pictures for tracker in self.trackers) and can_draw()

    def _training_metrics(self, trainer: lightning.Trainer, gradient_norm: float) -> dict[str, float]:
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
        for entry in trainer.optimizers[0].param_groups:
            metrics[f"optimizer/lr{suffix(entry)}"] = float(entry["lr"])
        metrics["optimizer/gradient_norm"] = gradient_norm
        metrics |= {f"optimizer/update_ratio{name}": ratio for name, ratio in self._movement.ratios()}
        metrics |= memory_now()
        self._measures_movement = False
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
