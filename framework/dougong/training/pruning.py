"""A job of a search tells of each validation, and ends early where it is hopeless."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning import Callback

from dougong.contracts.task import Task
from dougong.sweep.study import trial_of
from dougong.training.processes import group
from dougong.training.run import update_record


def pruning(folder: Path) -> Iterator[Callback]:
    """The callback of a run that is a trial of a search; nothing for all others."""
    trial = trial_of(folder)
    if trial is not None:
        yield Pruning(trial, folder)


class Pruning(Callback):
    """Reports the task's main metric after each validation, and stops where the trial should be pruned.

    Args:
        trial: of Optuna's.
        folder: of the run, where it is noted that it was stopped.
    """

    def __init__(self, trial: Any, folder: Path) -> None:
        self.trial = trial
        self.folder = folder

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report, and ask."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        hopeless, first = False, group.rank() == 0
        if first:
            task: Task = pl_module.task  # type: ignore[assignment]
            self.trial.report(float(trainer.callback_metrics[f"valid/{task.main_metric}"]), trainer.global_step)
            hopeless = self.trial.should_prune()
        if group.any_of(hopeless):
            trainer.should_stop = True
            if first:
                update_record(self.folder, {"pruned": trainer.global_step})
