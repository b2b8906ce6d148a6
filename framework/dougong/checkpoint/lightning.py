"""Lightning's side of checkpoints: what it writes goes through our files, when our rules say so."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from dougong.checkpoint import file
from dougong.training.interrupt import Interrupt


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
    """Keeps `last.ckpt` (after each validation, every `save_every` updates, and at ctrl-C) and `best.ckpt`.

    It also carries what makes a resumed run go on as if never stopped: the state of the random generators.

    Args:
        folder: where the two files go.
        description: what makes them complete: configuration, facts, tokenizer.
        metric: the metric that says which is best; None where there is no validation split.
        higher_is_better: its direction.
        save_every: updates between saves; None for none between validations.
        interrupt: tells that the user pressed ctrl-C.
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
        enabled: bool = True,
    ) -> None:
        self.last_path = folder / "last.ckpt"
        self.best_path = folder / "best.ckpt"
        self.description = description
        self.metric = metric
        self.higher_is_better = higher_is_better
        self.save_every = save_every
        self.interrupt = interrupt
        self.enabled = enabled
        self.best: float | None = None
        self._restored: dict[str, Any] | None = None
        self._saved_at = -1

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Make the checkpoint describe itself."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        progress = {"update": trainer.global_step, "epoch": trainer.current_epoch, "metrics": metrics}
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
        """Save if it is time, or if the user pressed ctrl-C; only between updates, where the state is whole."""
        if trainer.fit_loop._should_accumulate():
            return
        due = self.save_every and trainer.global_step % self.save_every == 0 and trainer.global_step != self._saved_at
        if self.enabled and (due or self.interrupt.requested):
            self._save_last(trainer)
        self.interrupt.check()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save, and remember the best."""
        if trainer.state.fn != "fit" or not self.enabled:
            return
        value = float(trainer.callback_metrics[self.metric]) if self.metric else None
        better = value is not None and (
            self.best is None or (value > self.best if self.higher_is_better else value < self.best)
        )
        if better:
            self.best = value
        self._save_last(trainer)
        if better and trainer.is_global_zero:
            file.link(self.last_path, self.best_path)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A run without validations ends with a checkpoint too."""
        if self.enabled and self._saved_at != trainer.global_step:
            self._save_last(trainer)

    def path(self) -> Path:
        """The best checkpoint, or the last where none is called best."""
        return self.best_path if self.best_path.exists() else self.last_path

    def state_dict(self) -> dict[str, Any]:
        """The best so far and the random generators."""
        return {"best": self.best, "generators": generators()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        self.best = state_dict["best"]
        self._restored = state_dict["generators"]

    def _save_last(self, trainer: lightning.Trainer) -> None:
        self._saved_at = trainer.global_step
        trainer.save_checkpoint(self.last_path)


def generators() -> dict[str, Any]:
    """The states of all random generators of this process, as plain values and tensors."""
    version, numbers, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=False)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [version, list(numbers), gauss],
        "numpy": {"key": numpy_state["state"]["key"].tolist(), "pos": int(numpy_state["state"]["pos"])},
    }


def restore_generators(state: dict[str, Any]) -> None:
    """Put them back."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    numpy_state: Any = np.random.get_state(legacy=False)
    numpy_state["state"] = {"key": np.array(state["numpy"]["key"], np.uint32), "pos": state["numpy"]["pos"]}
    np.random.set_state(numpy_state)
