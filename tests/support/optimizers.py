"""Small problems for the tests of optimizers."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import dougong

SHAPES = ((6, 4), (4, 6), (5,), (), (2, 3, 4))


def parameters(
    shapes: Sequence[tuple[int, ...]] = SHAPES, dtype: torch.dtype = torch.float64, seed: int = 0
) -> list[nn.Parameter]:
    """Parameters of a size of about 1."""
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)) for shape in shapes]


def gradients(tensors: Sequence[Tensor], update: int) -> list[Tensor]:
    """The gradients of an update, a function of its number alone."""
    generator = torch.Generator().manual_seed(1000 + update)
    return [torch.randn(item.shape, generator=generator, dtype=torch.float64).to(item.dtype) for item in tensors]


def descend(
    optimizer: torch.optim.Optimizer, tensors: Sequence[nn.Parameter], updates: range, factor: float = 1.0
) -> None:
    """Make these updates."""
    for update in updates:
        for tensor, gradient in zip(tensors, gradients(tensors, update), strict=True):
            tensor.grad = gradient * factor
        optimizer.step()


def make(name: str, tensors: Sequence[Any], **settings: Any) -> torch.optim.Optimizer:
    """An optimizer plugin, ready to train."""
    optimizer: torch.optim.Optimizer = dougong.create("optimizer", name, params=tensors, **settings)
    if hasattr(optimizer, "train"):
        optimizer.train()
    return optimizer


def values(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Copies of tensors."""
    return [copy.deepcopy(tensor.detach()) for tensor in tensors]


def assert_equal(one: Sequence[Tensor], other: Sequence[Tensor], tolerance: float = 1e-12) -> None:
    """Tensors are the same within a tolerance (0: to the bit)."""
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left.detach(), right.detach(), rtol=tolerance, atol=tolerance)
