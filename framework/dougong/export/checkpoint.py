"""A checkpoint of Dougong's own without what was only of use in its training."""

from pathlib import Path
from typing import Any

from dougong.checkpoint import file
from dougong.inference.model import Model
from dougong.training.assemble import Assembly

NAME = "best.ckpt"


def export(model: Model, folder: Path) -> list[str]:
    """Write the network as it answers: what callbacks had put in has been added to its weights.

    It can be predicted with and started from, and needs nothing of what they need. It can't be gone on with.
    """
    description, added = as_it_answers(model)
    weights = {f"task.{name}": weight.cpu() for name, weight in model.task.state_dict().items()}
    file.save({"state_dict": weights, file.KEY: description}, folder / NAME)
    return [f"{NAME} with {sum(weight.numel() for weight in weights.values()):,} parameters{added}"]


def as_it_answers(model: Model) -> tuple[dict[str, Any], str]:
    """What a checkpoint says of a model without the callbacks that are part of its weights now, and these in words."""
    left_out = Assembly(model.config).adapters_chosen()
    callbacks = {key: node for key, node in (model.config.get("callback") or {}).items() if key not in left_out}
    description = {**model.description, "config": {**model.config, "callback": callbacks}}
    return description, f"; {', '.join(left_out)} added to the weights" if left_out else ""
