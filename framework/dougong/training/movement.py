"""How far an update moves the weights, in relation to their size."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from dougong.training.processes import group

SAMPLE = 16_384
"""Numbers of a parameter that are looked at: of a larger one evenly spread ones, so that no copy of it is held."""


class Movement:
    """Compares the weights before an update with those after it, group by group."""

    def __init__(self) -> None:
        self._before: list[tuple[str, Tensor, Tensor]] = []

    def before(self, groups: Iterable[Mapping[str, Any]]) -> None:
        """Note the weights as they are."""
        self._before = [
            (suffix(entry), parameter, _sample(parameter).clone()) for entry in groups for parameter in entry["params"]
        ]

    def ratios(self) -> Iterator[tuple[str, float]]:
        """Of each group's suffix, the norm of what the weights have moved over the norm that they had; forgets both."""
        noted, self._before = self._before, []
        squares: dict[str, list[Tensor]] = {}
        for name, parameter, before in noted:
            at_least_32 = torch.promote_types(before.dtype, torch.float32)
            before = before.to(at_least_32)
            moved = _sample(parameter).to(at_least_32) - before
            sums = torch.stack([moved.square().sum(), before.square().sum()])
            weight = _here(parameter).numel() / max(1, before.numel())
            squares.setdefault(name, []).append(weight * sums)
        for name, found in squares.items():
            moved_square, square = group.totals(*torch.stack(found).sum(0).tolist())
            yield name, (moved_square / square) ** 0.5 if square else 0.0


def suffix(entry: Mapping[str, Any]) -> str:
    """What is behind the names of a parameter group's measurements, where its learning rate is not that of all."""
    return f"_x{entry['lr_scale']:.3g}" if "lr_scale" in entry else ""


def _sample(parameter: Tensor) -> Tensor:
    flat = _here(parameter).reshape(-1)
    return flat[:: max(1, -(-flat.numel() // SAMPLE))]


def _here(parameter: Tensor) -> Tensor:
    """A parameter; of one that is spread over processes, the part that is here."""
    here = parameter.detach()
    return here.to_local() if isinstance(here, DTensor) else here
