"""What the user sees of a running training: a bar in a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from dougong.training.processes import group

REFRESH = 0.1  # seconds; drawing more often would cost the training time and shows nothing more


class ProgressReport(Callback):
    """Epochs, updates, loss, learning rate, examples a second, and each validation's metrics.

    Args:
        mode: "bar", "lines", or "auto" for a bar in a terminal and lines elsewhere.
        epochs: passes over the data, for "epoch 2/5".
        main_metric: shown first.
    """

    def __init__(self, mode: str, epochs: int, main_metric: str) -> None:
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.bar = mode == "bar" or (mode == "auto" and self.console.is_terminal and not self.console.is_dumb_terminal)
        self.epochs = epochs
        self.main_metric = main_metric
        self._progress: Progress | None = None
        self._line: TaskID | None = None
        self._drawn = 0.0
        self._examples = 0
        self._started = 0.0
        self._loss = float("nan")

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Show the bar."""
        self._started = time.perf_counter()
        if self.bar:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self.console, auto_refresh=False, expand=True)
            self._progress.start()
            self._line = self._progress.add_task("", total=None, numbers="")

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the bar over."""
        self._examples, self._started = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and draw if it is time."""
        loss = float(pl_module.last_loss)  # type: ignore[arg-type]
        self._loss = loss if self._loss != self._loss else 0.95 * self._loss + 0.05 * loss
        self._examples += len(batch["index"]) * group.world()  # of equal parts, but for the last of an epoch
        now = time.perf_counter()
        if self._progress is not None and now - self._drawn > REFRESH:
            self._drawn = now
            self._draw(trainer, batch_idx + 1, now)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A line that stays, with the metrics."""
        if trainer.state.fn != "fit":
            return
        values = {name.removeprefix("valid/"): float(value) for name, value in trainer.callback_metrics.items()}
        names = sorted(values, key=lambda name: (name != self.main_metric, name))
        metrics = "  ".join(f"{name} {values[name]:.4f}" for name in names)
        line = f"{self._epoch(trainer)}  update {trainer.global_step}  loss {self._loss:.4f}  valid: {metrics}"
        (self._progress.console if self._progress else self.console).print(line)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take the bar away."""
        self._stop()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Take the bar away before the error is shown."""
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.update(self._line or TaskID(0), visible=False)
            self._progress.stop()
            self._progress = None

    def _epoch(self, trainer: lightning.Trainer) -> str:
        return f"epoch {min(trainer.current_epoch + 1, self.epochs)}/{self.epochs}"

    def _draw(self, trainer: lightning.Trainer, done: int, now: float) -> None:
        assert self._progress is not None
        assert self._line is not None
        rate = self._examples / max(now - self._started, 1e-9)
        learning_rate = trainer.optimizers[0].param_groups[0]["lr"]
        numbers = f"loss {self._loss:.4f}  lr {learning_rate:.1e}  {rate:,.0f} examples/s"
        self._progress.update(
            self._line,
            description=self._epoch(trainer),
            completed=done,
            total=float(trainer.num_training_batches),
            numbers=numbers,
        )
        self._progress.refresh()
