"""Lightning's side of checkpoints: what it writes goes through our files, when our rules say so."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from dougong.checkpoint import file, parts
from dougong.checkpoint.generators import generators, restore_generators
from dougong.checkpoint.recover import BEST, LAST
from dougong.compose.settings import TrainerSettings
from dougong.errors import UserError
from dougong.training.interrupt import Interrupt
from dougong.training.modes import switch
from dougong.training.pace import Pace, settled
from dougong.training.processes import group

logger = logging.getLogger(__name__)


class SafeCheckpointIO(CheckpointIO):
    """Writes and reads Lightning's checkpoints through `dougong.checkpoint.file`.

    Args:
        keep: how many there are of those that were saved last.
    """

    def __init__(self, keep: int = 1) -> None:
        self.keep = keep
        self.problem: str | None = None
        self._update = -1

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write atomically; whether it could not be is said by `problem`, since other processes wait for this one."""
        self.problem = None
        try:
            # A state that is saved again, since its epoch has ended, takes the place of the first.
            again = checkpoint[file.KEY]["update"] == self._update
            file.save(checkpoint, Path(path), 1 if again else self.keep)
            self._update = checkpoint[file.KEY]["update"]
        except OSError as error:
            self.problem = error.strerror or type(error).__name__

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read without executing anything, whatever is asked for."""
        return file.load(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete."""
        Path(path).unlink(missing_ok=True)


class Checkpoints(Checkpoint):
    """Keeps `last.ckpt` (after each epoch and validation, every so many updates and minutes, when the run is to stop),
    those saved before it, and `best.ckpt`.

    It saves only where nothing is half done: after an update, and after the validation or the end of the epoch that
    follows it. It also carries what makes a resumed run go on as if never stopped: the position in the data and the
    state of the random generators. What can't be saved, since the disk is full, say, is told of, and tried again.

    Args:
        folder: where the files go.
        description: what makes them complete: configuration, facts, tokenizer.
        metric: the metric that says which is best; None where there is no validation split.
        higher_is_better: its direction.
        settings: when to save, and how many to keep.
        interrupt: tells that the run is to stop.
        pace: knows what follows an update.
        resumed: the file that the run goes on from.
    """

    def __init__(
        self,
        folder: Path,
        description: dict[str, Any],
        metric: str | None,
        higher_is_better: bool,
        settings: TrainerSettings,
        interrupt: Interrupt,
        pace: Pace,
        resumed: Path | None = None,
    ) -> None:
        self.last_path = folder / LAST
        self.best_path = folder / BEST
        self.description = description
        self.metric = metric
        self.higher_is_better = higher_is_better
        self.settings = settings
        self.interrupt = interrupt
        self.pace = pace
        self.resumed = resumed
        self.best: float | None = None
        self.problem: str | None = None
        self._best_before: float | None = None
        self._is_best = False
        self._restored: dict[str, Any] | None = None
        self._saved_at = 0.0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock, and take back the signals that Lightning has taken."""
        self._saved_at = time.monotonic()
        self.interrupt.install()

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Make the checkpoint describe itself."""
        loops = checkpoint["loops"]
        loops["fit_loop"] = settled(loops["fit_loop"], self.pace.epoch_done)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        progress = {"update": trainer.global_step, "position": self.pace.position(), "metrics": metrics}
        checkpoint[file.KEY] = {"format": file.FORMAT, **self.description, **progress}

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Put the random generators back; only now, since fetching the first batch may draw from them."""
        if self._restored is not None:
            restore_generators(self._restored)
            self._restored = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time, or if the run is to stop, unless something is to follow this update."""
        self._is_best = False
        if not self.pace.update_done or self.pace.validates or self.pace.epoch_done:
            return
        # While updates are left out, what was saved before may be worth more: the weights may be at fault.
        due = self._is_due(trainer.global_step) and not pl_module.skips.in_a_row  # type: ignore[union-attr]
        # All must save, and stop, at the same update, but neither their clocks nor their signals agree.
        if group.any_of(due or self.interrupt.requested):
            self._save(trainer)

    def _is_due(self, update: int) -> bool:
        every, minutes = self.settings.save_every, self.settings.save_minutes
        by_update = every is not None and update % every == 0
        return by_update or (minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Compare with the best; save, unless the end of the epoch is to follow."""
        if trainer.state.fn != "fit":
            return
        value = float(trainer.callback_metrics[self.metric]) if self.metric else None
        # A value that is not a number is never the best, not even the first.
        if value is not None and not math.isnan(value) and (self.best is None or self._is_better(value, self.best)):
            self._best_before, self.best, self._is_best = self.best, value, True
        if not self.pace.epoch_done:
            self._save(trainer)

    def _is_better(self, value: float, best: float) -> bool:
        return value > best if self.higher_is_better else value < best

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save the state between two epochs."""
        self._save(trainer)

    def path(self) -> Path:
        """The best checkpoint, or the last where none is called best."""
        return self.best_path if self.best_path.exists() else self.last_path

    def state_dict(self) -> dict[str, Any]:
        """The best so far, whether it is this one, and the random generators."""
        first, *others = group.everyone(generators())
        return {"best": self.best, "is_best": self._is_best, "generators": first, "generators_of_others": others}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        self.best = state_dict["best"]
        kept = [state_dict["generators"], *state_dict["generators_of_others"]]
        # Of more processes than there were, those that are new go on as they are seeded.
        self._restored = kept[group.rank()] if group.rank() < len(kept) else None
        if state_dict["is_best"] and self.resumed not in (None, self.best_path) and group.rank() == 0:
            # The run may have been killed after saving it and before calling it best.
            file.link(self.resumed or self.last_path, self.best_path)

    def check_saved(self) -> None:
        """After the training: is its end on disk?

        Raises:
            UserError: it is not.
        """
        if self.problem:
            raise UserError(
                f"{self.problem}; make room, and go on with: dougong train resume={self.last_path.parents[1]}"
            )

    def _save(self, trainer: lightning.Trainer) -> None:
        if not self.settings.fast_dev_run:
            switch(trainer.optimizers, "eval")
            trainer.save_checkpoint(self.last_path)
            switch(trainer.optimizers, "train")
            self._saved_at = time.monotonic()
            self._finish_save(trainer)
            group.barrier()
        self.interrupt.check()

    def _finish_save(self, trainer: lightning.Trainer) -> None:
        problem = trainer.strategy.checkpoint_io.problem  # type: ignore[attr-defined]
        if problem is None and self._is_best and trainer.is_global_zero:
            try:
                file.link(self.last_path, self.best_path)
            except OSError as error:
                problem = error.strerror
        if trainer.is_global_zero:
            parts.sweep(self.last_path.parent)
        self.problem = None
        if problem is not None:
            self.best = self._best_before if self._is_best else self.best  # which is what is on disk
            self.problem = f"{self.last_path}: update {trainer.global_step} could not be saved ({problem})"
            logger.warning("%s; the training goes on, and the next save will try again.", self.problem)
