"""An optimizer that can be copied."""

from typing import Any

import torch


class CopyableOptimizer(torch.optim.Optimizer):
    """An optimizer whose copies and pickles have its own attributes, too; PyTorch's take groups and state alone."""

    def __getstate__(self) -> dict[str, Any]:
        """Groups, state and public attributes."""
        attributes = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {**attributes, **super().__getstate__()}
