"""Lightning's side of checkpoints: what it writes goes through our files, when our rules say so."""

from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from dougong.checkpoint import file
from dougong.checkpoint.generators import generators, restore_generators
from dougong.training.interrupt import Interrupt
from dougong.training.modes import switch
from dougong.training.pace import Pace, settled
from dougong.training.processes import group


class SafeCheckpointIO(CheckpointIO):
    """Writes and reads Lightning's checkpoints through `dougong.checkpoint.file`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write atomically."""
        file.save(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read without executing anything, whatever is asked for."""
        return file.load(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete."""
        Path(path).unlink(missing_ok=True)


class Checkpoints(Checkpoint):
    """Keeps `last.ckpt` (after each epoch and validation, every `save_every` updates, at ctrl-C) and `best.ckpt`.

    It saves only where nothing is half done: after an update, and after the validation or the end of the epoch that
    follows it. It also carries what makes a resumed run go on as if never stopped: the position in the data and the
    state of the random generators.

    Args:
        folder: where the two files go.
        description: what makes them complete: configuration, facts, tokenizer.
        metric: the metric that says which is best; None where there is no validation split.
        higher_is_better: its direction.
        save_every: updates between saves; None for none between validations.
        interrupt: tells that the user pressed ctrl-C.
        pace: knows what follows an update.
        enabled: whether anything is to be saved; a trial of a few batches saves nothing.
    """

    def __init__(
        self,
        folder: Path,
        description: dict[str, Any],
        metric: str | None,
        higher_is_better: bool,
        save_every: int | None,
        interrupt: Interrupt,
        pace: Pace,
        enabled: bool = True,
    ) -> None:
        self.last_path = folder / "last.ckpt"
        self.best_path = folder / "best.ckpt"
        self.description = description
        self.metric = metric
        self.higher_is_better = higher_is_better
        self.save_every = save_every
        self.interrupt = interrupt
        self.pace = pace
        self.enabled = enabled
        self.best: float | None = None
        self._is_best = False
        self._restored: dict[str, Any] | None = None

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
        """Save if it is time, or if the user pressed ctrl-C, unless something is to follow this update."""
        self._is_best = False
        if not self.pace.update_done or self.pace.validates or self.pace.epoch_done:
            return
        due = self.save_every is not None and trainer.global_step % self.save_every == 0
        # A signal reaches one process earlier than the other.
        if group.any_of(due or self.interrupt.requested):
            self._save(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Compare with the best; save, unless the end of the epoch is to follow."""
        if trainer.state.fn != "fit":
            return
        value = float(trainer.callback_metrics[self.metric]) if self.metric else None
        if value is not None and (
            self.best is None or (value > self.best if self.higher_is_better else value < self.best)
        ):
            self.best, self._is_best = value, True
        if not self.pace.epoch_done:
            self._save(trainer)

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
        if state_dict["is_best"] and group.rank() == 0:
            # The run may have been killed after saving it and before calling it best.
            file.link(self.last_path, self.best_path)

    def _save(self, trainer: lightning.Trainer) -> None:
        if self.enabled:
            switch(trainer.optimizers, "eval")
            trainer.save_checkpoint(self.last_path)
            switch(trainer.optimizers, "train")
            if self._is_best and trainer.is_global_zero:
                file.link(self.last_path, self.best_path)
            group.barrier()
        self.interrupt.check()
