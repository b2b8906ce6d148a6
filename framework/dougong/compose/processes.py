"""Whether what is chosen can be trained in several processes."""

from collections.abc import Iterable
from typing import Any

from dougong.compose.fit import Part
from dougong.errors import UserError

KINDS_OF_WEIGHTS = ("task", "optimizer", "callback")
"""Kinds whose plugins say, by `takes_shards`, whether they can work on weights that are spread over processes."""


def check_processes(trainer: dict[str, Any]) -> None:
    """Whether the settings of the trainer agree on how many processes there are.

    Raises:
        UserError: several devices are asked for, and one process; or what weights that are spread can't have, or what
            only they can.
    """
    if trainer["strategy"] == "single" and trainer["devices"] not in (None, 1):
        raise UserError(
            f"trainer.devices: {trainer['devices']} have no effect, since trainer.strategy=single trains in one "
            "process; add trainer=ddp."
        )
    if trainer["strategy"] != "fsdp" and trainer.get("sharded_checkpoints"):
        raise UserError(
            f"trainer.sharded_checkpoints: True has no effect, since trainer.strategy={trainer['strategy']} has whole "
            "weights in each process; leave it out, or add trainer=fsdp."
        )
    if trainer["strategy"] == "fsdp":
        for setting, value in (("compile", True), ("precision", "16")):
            if trainer[setting] == value:
                raise UserError(f"trainer.{setting}: {value} does not go with trainer.strategy=fsdp; leave it out.")


def check_shards(trainer: dict[str, Any], parts: Iterable[Part]) -> None:
    """Whether the plugins can work on weights that are spread over processes, where they are.

    Raises:
        UserError: one can't.
    """
    if trainer["strategy"] != "fsdp":
        return
    for part in parts:
        if part.plugin.kind in KINDS_OF_WEIGHTS and not part.plugin.fact("takes_shards"):
            raise UserError(
                f"{part.said} can't work on weights that are spread over processes (trainer.strategy=fsdp); take "
                f"trainer=ddp, or another {part.plugin.kind}."
            )
