"""Making optimizers for a trial, and letting them move."""

import io
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dougong.testing.configuration import default_plugin
from dougong.testing.subject import Subject

SHAPES: tuple[tuple[int, ...], ...] = ((6, 4), (5,), (), (2, 3, 2, 2), (0,))


def parameters_of(dtype: torch.dtype = torch.float64, shapes: Sequence[tuple[int, ...]] = SHAPES) -> list[nn.Parameter]:
    """Weights of these shapes, always the same."""
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return [nn.Parameter(tensor.to(dtype)) for tensor in drawn]


def optimizer_of(subject: Subject, parameters: Any, **settings: Any) -> Optimizer:
    """The optimizer; of a wrapper, the one that `dougong train` takes by default with the wrapper around it."""
    if subject.kind == "wrapper":
        core = subject.with_plugin(default_plugin("optimizer", subject.catalogue)).make({"params": parameters})
        made: Optimizer = subject.make(**settings).wrap(core)
    else:
        made = subject.make({"params": parameters}, **settings)
    if hasattr(made, "train"):
        made.train()
    return made


def descend(optimizer: Optimizer, parameters: Sequence[Tensor], updates: range) -> None:
    """Updates with gradients that are a function of their number."""
    for update in updates:
        generator = torch.Generator().manual_seed(update)
        for parameter in parameters:
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.grad = drawn.to(parameter.dtype)
        optimizer.step()


def saved_state(optimizer: Optimizer) -> Any:
    """Its state, through a file that is read without running code."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)
