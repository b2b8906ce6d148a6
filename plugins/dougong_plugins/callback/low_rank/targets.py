"""Which matrices of a network get an update of low rank."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from torch import nn

from dougong.errors import UserError

SPARED = (nn.Embedding, nn.LayerNorm, nn.RMSNorm)


class Targets(NamedTuple):
    """Names in a network.

    Args:
        layers: linear layers.
        parameters: matrices of other modules, of recurrent layers and convolutions say.
    """

    layers: list[str]
    parameters: list[str]


def find_targets(network: nn.Module, patterns: Sequence[str]) -> Targets:
    """The matrices whose names a pattern matches: one or more whole parts of the dotted name, as in `optimizer.groups`.

    A module that stands in several places bears the name of the first.

    Raises:
        UserError: a pattern matches none.
    """
    layers, parameters = list(_layers(network)), list(_parameters(network))
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in (*layers, *parameters)):
            parts = {part: None for name in (*layers, *parameters) for part in name.split(".") if not part.isdigit()}
            close = get_close_matches(pattern, parts, 1, 0.5)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise UserError(
                f"callback.lora.targets: {pattern} matches no matrix of {type(network).__name__}.{hint} Parts of their "
                f"names: {', '.join(parts)}."
            )
    kept = [
        [name for name in names if any(_matches(name, item) for item in patterns)] for names in (layers, parameters)
    ]
    return Targets(*kept)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(f".{name}.", f"*.{pattern}.*")


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer, PyTorch's or that of GPT-2 in Transformers."""
    return isinstance(module, nn.Linear) or type(module).__module__ == "transformers.pytorch_utils"


def _layers(network: nn.Module) -> Iterator[str]:
    return (name for name, module in network.named_modules() if is_linear(module))


def _parameters(network: nn.Module) -> Iterator[str]:
    for path, module in network.named_modules():
        if path and not is_linear(module) and not isinstance(module, SPARED):
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.ndim == 2:
                    yield f"{path}.{name}"
