"""Lightning's trainer, made from our settings, with what costs time and does nothing left out."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as lightning
import torch
from pytorch_lightning import Callback

from dougong.checkpoint.lightning import SafeCheckpointIO
from dougong.compose.settings import TrainerSettings
from dougong.data.batches import Epochs
from dougong.errors import UserError
from dougong.training.pace import NEVER
from dougong.training.precision import LIGHTNING
from dougong.training.processes import group
from dougong.training.processes.sharded_strategy import Sharded
from dougong.training.processes.strategy import Together


def quieten() -> None:
    """Lightning's remarks on devices, workers and tips go to the log, if anywhere."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    no_split, workers = r".*have no `val_dataloader`.*", r".*does not have many workers.*"
    every_process = r".*sync_dist=True.*"  # a metric is the same in all of them
    for message in (workers, no_split, every_process, r".*srun.*", r".*isinstance\(treespec.*", r".*LeafSpec.*"):
        warnings.filterwarnings("ignore", message)
    warnings.filterwarnings("ignore", category=FutureWarning, module="pytorch_lightning")


def device_type(settings: TrainerSettings) -> str:
    """Where the training will run: "cuda", "mps" or "cpu".

    Raises:
        UserError: a GPU is asked for, and there is none.
    """
    gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
    if settings.accelerator == "gpu" and gpu is None:
        raise UserError(
            "trainer.accelerator: gpu is asked for, and there is none here; take trainer=cpu or trainer=auto."
        )
    device = "cpu" if settings.accelerator == "cpu" or gpu is None else gpu
    if device == "mps" and group.world() > 1:
        raise UserError("trainer.strategy: several processes can't share an MPS device; add trainer.accelerator=cpu.")
    return device


def make_trainer(
    settings: TrainerSettings, device: str, precision: str, folder: Path, callbacks: Sequence[Callback]
) -> lightning.Trainer:
    """A trainer without loggers, bars, summaries and sanity checks of its own."""
    return lightning.Trainer(
        accelerator={"cuda": "gpu"}.get(device, device),
        devices=1,
        strategy=_strategy(settings, device),
        precision=LIGHTNING[precision],  # type: ignore[arg-type]
        max_epochs=settings.max_epochs,
        max_steps=settings.max_updates or -1,
        accumulate_grad_batches=settings.accumulate_grad_batches,
        val_check_interval=NEVER,  # `Pace` says when
        check_val_every_n_epoch=None,
        fast_dev_run=settings.fast_dev_run,
        detect_anomaly=settings.detect_anomaly,
        callbacks=list(callbacks),
        plugins=[SafeCheckpointIO(settings.keep_last)],
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        # Every batch has a shape of its own, so trying out kernels for each would only cost time.
        benchmark=False,
        inference_mode=False,  # see `answering`
    )


def _strategy(settings: TrainerSettings, device: str) -> Together | str:
    if not group.together():
        return "auto"
    mine = torch.device("cuda", torch.cuda.current_device()) if device == "cuda" else torch.device(device)
    if settings.strategy == "fsdp":
        return Sharded(mine, settings.sharded_checkpoints)
    return Together(mine)


def count_updates(batches: Epochs, settings: TrainerSettings) -> int:
    """How many updates a training has, from the data alone."""
    each = settings.accumulate_grad_batches
    epochs = settings.max_epochs
    if batches.settings.batch_tokens is None:
        updates = -(-batches.count(0) // each) * epochs
    else:
        updates = sum(-(-batches.count(epoch) // each) for epoch in range(epochs))
    return min(updates, settings.max_updates) if settings.max_updates else updates
