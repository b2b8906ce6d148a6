"""What Lightning is told of a model that is spread over processes."""

from collections.abc import Mapping
from typing import Any

from dougong.training.processes.sharding import consolidated, spread_optimizer_state, spread_weights
from dougong.training.processes.strategy import Together


class Sharded(Together):
    """Saves whole tensors, as a single process does, and spreads them again when they are loaded: a checkpoint does
    not depend on how many processes wrote it."""

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """Collect the parts in the first process, which writes."""
        super().save_checkpoint(consolidated(checkpoint), filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read, and spread what is called as the weights are."""
        checkpoint = super().load_checkpoint(checkpoint_path, weights_only)
        assert self.lightning_module is not None
        return _spread_weights(checkpoint, self.lightning_module)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Spread the optimizers' states, and load them."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(spread_optimizer_state(optimizer, state))


def _spread_weights(tree: dict[str, Any], model: Any) -> dict[str, Any]:
    spread = spread_weights(tree, model)
    return {key: _spread_weights(item, model) if isinstance(item, dict) else item for key, item in spread.items()}
