"""How many processes a configuration asks for. Needs no torch, unless GPUs have to be counted."""

from collections.abc import Sequence
from typing import Any

from dougong.compose.processes import check_processes
from dougong.errors import UserError
from dougong.training.processes.place import place, under_torchrun

WITHOUT_GPU = 2
DEVICES = "trainer.devices="


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


def in_devices(config: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The configuration of a run that goes on in another number of processes, where a word says so.

    Raises:
        UserError: the run is of one process, or the word names no number.
    """
    said = [word.removeprefix(DEVICES) for word in words if word.startswith(DEVICES)]
    if not said:
        return config
    if not said[-1].isdigit() or int(said[-1]) < 1:
        raise UserError(f"trainer.devices: must be a whole number >= 1, got {said[-1]!r}.")
    trainer = {**config["trainer"], "devices": int(said[-1])}
    check_processes(trainer)
    return {**config, "trainer": trainer}


def _gpus(accelerator: str) -> int:
    if accelerator == "cpu":
        return 0
    import torch

    return torch.cuda.device_count()
