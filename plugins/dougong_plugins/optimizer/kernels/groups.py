"""Looking at what an optimizer is given, before it is made."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor


def tensors_of(params: Iterable[Any]) -> list[Tensor]:
    """The tensors of parameters, groups of them, or (name, parameter) pairs."""
    found: list[Tensor] = []
    for item in params:
        if isinstance(item, dict):
            inner = item["params"]
            found += [inner] if isinstance(inner, Tensor) else tensors_of(inner)
        else:
            found.append(item[1] if isinstance(item, tuple) else item)
    return found


def can_fuse(params: Iterable[Any]) -> bool:
    """Whether PyTorch has a fused kernel for all of the parameters."""
    return all(tensor.is_floating_point() and tensor.device.type in ("cpu", "cuda") for tensor in tensors_of(params))
