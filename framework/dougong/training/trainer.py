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


def quieten() -> None:
    """Lightning's remarks on devices, workers and tips go to the log, if anywhere."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    no_split, workers = r".*have no `val_dataloader`.*", r".*does not have many workers.*"
    for message in (workers, no_split, r".*srun.*", r".*isinstance\(treespec.*", r".*LeafSpec.*"):
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
    return "cpu" if settings.accelerator == "cpu" or gpu is None else gpu


def make_trainer(
    settings: TrainerSettings, device: str, precision: str, folder: Path, callbacks: Sequence[Callback]
) -> lightning.Trainer:
    """A trainer without loggers, bars, summaries and sanity checks of its own."""
    return lightning.Trainer(
        accelerator={"cuda": "gpu"}.get(device, device),
        devices=1,
        precision=LIGHTNING[precision],  # type: ignore[arg-type]
        max_epochs=settings.max_epochs,
        max_steps=settings.max_updates or -1,
        accumulate_grad_batches=settings.accumulate_grad_batches,
        val_check_interval=NEVER,  # `Pace` says when
        check_val_every_n_epoch=None,
        fast_dev_run=settings.fast_dev_run,
        detect_anomaly=settings.detect_anomaly,
        callbacks=list(callbacks),
        plugins=[SafeCheckpointIO()],
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


def count_updates(batches: Epochs, settings: TrainerSettings) -> int:
    """How many updates a training has, from the data alone."""
    each = settings.accumulate_grad_batches
    epochs = settings.max_epochs
    if batches.settings.batch_tokens is None:
        updates = -(-batches.count(0) // each) * epochs
    else:
        updates = sum(-(-batches.count(epoch) // each) for epoch in range(epochs))
    return min(updates, settings.max_updates) if settings.max_updates else updates
