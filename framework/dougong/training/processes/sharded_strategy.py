"""What Lightning is told of a model that is spread over processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dougong.checkpoint import file, parts, spread
from dougong.training.processes import group
from dougong.training.processes.sharding import (
    consolidated,
    spread_optimizer_state,
    spread_weights,
    taken_apart,
)
from dougong.training.processes.strategy import Together


class Sharded(Together):
    """Saves whole tensors, as a single process does, or in parts, of which each process writes its own.

    Either is spread again when it is loaded: no checkpoint depends on how many processes wrote it.

    Args:
        device: of this process.
        in_parts: whether each process saves its own part.
    """

    def __init__(self, device: torch.device, in_parts: bool = False) -> None:
        super().__init__(device)
        self.in_parts = in_parts

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """Have the first process write all, or what is left once each has written its part."""
        if not self.in_parts:
            super().save_checkpoint(consolidated(checkpoint), filepath, storage_options)
            return
        mine: list[Tensor] = []
        rest = taken_apart(checkpoint, mine)
        name = group.from_first(parts.folder_name(checkpoint[file.KEY]["update"]))
        problem = _attempt(mine, Path(filepath).with_name(name))
        written = group.everyone((problem, [len(item) for item in mine]))
        if problem := next((problem for problem, _ in written if problem), None):
            self.checkpoint_io.problem = problem  # type: ignore[attr-defined]
            return
        rest[file.KEY] = {**rest[file.KEY], parts.KEY: parts.description(name, [rows for _, rows in written])}
        super().save_checkpoint(rest, filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read what this process needs of it, and spread what is called as the weights are."""
        checkpoint = file.load_mapped(Path(checkpoint_path))
        assert self.lightning_module is not None
        optimizers = checkpoint.pop("optimizer_states")  # are spread once there are optimizers to spread them as
        return {**spread.whole(_spread_weights(checkpoint, self.lightning_module)), "optimizer_states": optimizers}

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Spread the optimizers' states, and load them."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(spread.whole(spread_optimizer_state(optimizer, state)))


def _attempt(mine: list[Tensor], folder: Path) -> str | None:
    """Write the part of this process; what kept it from that, since the others have to know."""
    try:
        parts.write_part(mine, folder, group.rank())
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _spread_weights(tree: dict[str, Any], model: Any) -> dict[str, Any]:
    found = spread_weights(tree, model)
    return {key: _spread_weights(item, model) if isinstance(item, dict) else item for key, item in found.items()}
