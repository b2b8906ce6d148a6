"""Whether what is chosen can be trained in several processes."""

from typing import Any

from dougong.errors import UserError


def check_processes(trainer: dict[str, Any]) -> None:
    """Whether the settings of the trainer agree on how many processes there are.

    Raises:
        UserError: several devices are asked for, and one process.
    """
    if trainer["strategy"] == "single" and trainer["devices"] not in (None, 1):
        raise UserError(
            f"trainer.devices: {trainer['devices']} have no effect, since trainer.strategy=single trains in one "
            "process; add trainer=ddp."
        )
