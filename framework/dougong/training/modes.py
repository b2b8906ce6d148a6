"""Optimizers that evaluate other weights than they train."""

from collections.abc import Iterable
from typing import Literal

from torch.optim import Optimizer


def switch(optimizers: Iterable[Optimizer], to: Literal["train", "eval"]) -> None:
    """Have the weights put in place that are trained, or those that are validated and saved.

    Done by the optimizers that keep both, with `train()` and `eval()`; twice does no harm.
    """
    for optimizer in optimizers:
        if hasattr(optimizer, to):
            getattr(optimizer, to)()
