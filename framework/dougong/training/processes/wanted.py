"""How many processes a configuration asks for. Needs no torch, unless GPUs have to be counted."""

from typing import Any

from dougong.errors import UserError
from dougong.training.processes.place import place, under_torchrun

WITHOUT_GPU = 2


def processes_wanted(trainer: dict[str, Any]) -> int:
    """How many processes are to train.

    Args:
        trainer: the settings of the trainer, checked.

    Raises:
        UserError: others have been started.
    """
    if under_torchrun():
        started = place()
        if trainer["strategy"] == "single":
            raise UserError(
                f"trainer.strategy: single trains in one process, and {started.world} were started; add trainer=ddp, "
                "or start one."
            )
        if trainer["devices"] not in (None, started.local_world):
            raise UserError(
                f"trainer.devices: {trainer['devices']} are asked for, and {started.local_world} processes were "
                "started on this machine; leave it out."
            )
        return started.world
    if trainer["strategy"] == "single":
        return 1
    return trainer["devices"] or _gpus(trainer["accelerator"]) or WITHOUT_GPU


def _gpus(accelerator: str) -> int:
    if accelerator == "cpu":
        return 0
    import torch

    return torch.cuda.device_count()
