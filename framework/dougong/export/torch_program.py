"""A model as programs of `torch.export`, which need PyTorch and nothing of Dougong."""

from pathlib import Path

import torch

from dougong.export.comparison import TOLERANCE
from dougong.export.network import programs, quiet
from dougong.export.readme import describe
from dougong.inference.model import Model


def export(model: Model, folder: Path) -> list[str]:
    """Write `model.pt2` and the tokenizer.

    Raises:
        UserError: the network can't be traced, or does not run at other sizes.
    """
    made = programs(model)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        for program in made:
            torch.export.save(program.exported, folder / f"{program.name}.pt2")
    files = " and ".join(f"{program.name}.pt2" for program in made)
    return [f"{files}: equal the network to {TOLERANCE:.0e}", *describe(model, folder, "torch", made)]
