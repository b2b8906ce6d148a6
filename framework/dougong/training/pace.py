"""The pace of a training: how long each epoch is, when it validates, and where it stands."""

import sys
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning import Callback
from pytorch_lightning.utilities import CombinedLoader

from dougong.compose.settings import TrainerSettings
from dougong.data.loader import ResumableLoader

NEVER = sys.maxsize


class Pace(Callback):
    """Tells Lightning how many batches each epoch has, and after which of them to validate.

    Lightning counts batches, asks for their number once, and validates in the midst of an accumulation window; here
    an epoch may be as long as its token budget makes it, and `validate_every` counts updates. A training's last update
    is validated too.

    Args:
        loader: of the training batches.
        settings: when to validate.
        updates: how many there will be.
    """

    def __init__(self, loader: ResumableLoader, settings: TrainerSettings, updates: int) -> None:
        self.loader = loader
        self.settings = settings
        self.updates = updates
        self.train_dataloaders = CombinedLoader(loader, "max_size_cycle")
        self.update_done = False
        self.epoch_done = False
        self.validates = False

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Tell the length of this epoch."""
        if not self.settings.fast_dev_run:
            trainer.fit_loop.max_batches = len(self.loader)
            self.train_dataloaders.limits = [len(self.loader)]

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Find out what this batch completes, and tell whether to validate now."""
        self.epoch_done = batch_idx + 1 >= trainer.num_training_batches
        self.update_done = self.epoch_done or (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        self.validates = self.update_done and self._due(trainer.global_step)
        trainer.val_check_batch = 1 if self.validates else NEVER

    def _due(self, update: int) -> bool:
        every = self.settings.validate_every
        return update == self.updates or (self.epoch_done if every is None else update % every == 0)

    def position(self) -> dict[str, int]:
        """Where the next batch is to be taken from, as the loader's state."""
        if self.epoch_done:
            return {"epoch": self.loader.batches.epoch + 1, "batches_done": 0}
        return self.loader.state_dict()


def settled(loops: dict[str, Any], epoch_done: bool) -> dict[str, Any]:
    """Lightning's counters of a training, as they are between two batches.

    When a hook of ours saves, some of them are ahead of others; Lightning then guesses from the differences which hook
    it was, and repeats or leaves out what it guesses was or wasn't done. Where nothing is left half done there is
    nothing to guess.

    Args:
        loops: the counters of the fit loop, as in Lightning's checkpoint.
        epoch_done: whether all batches of the epoch have been trained on.
    """
    epoch, batch = loops["epoch_progress"], loops["epoch_loop.batch_progress"]
    for counters in (epoch["total"], epoch["current"]):
        counters["processed"] = counters["completed"] = counters["started"] - (0 if epoch_done else 1)
    for counters in (batch["total"], batch["current"]):
        counters["started"] = counters["processed"] = counters["completed"] = counters["ready"]
    if epoch_done:
        batch["current"] = dict.fromkeys(batch["current"], 0)
    batch["is_last_batch"] = False
    loops["state_dict"].pop("combined_loader", None)  # the position is kept in our own part
    return loops
