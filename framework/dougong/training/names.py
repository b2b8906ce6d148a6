"""The names of what an optimizer moves."""

from typing import Any

from torch import nn


def named(groups: list[dict[str, Any]], model: nn.Module) -> list[dict[str, Any]]:
    """Parameter groups with the names that their parameters have in the model, as PyTorch's optimizers keep them."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [{**group, "param_names": [names[parameter] for parameter in group["params"]]} for group in groups]
