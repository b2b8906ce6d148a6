"""The wrappers of a training around its optimizer."""

from collections.abc import Sequence

from torch import nn
from torch.optim import Optimizer

from dougong.contracts.wrapper import Wrapper
from dougong.errors import UserError
from dougong.optim.stack import Stack


def stacked(optimizer: Optimizer, wrappers: Sequence[Wrapper], model: nn.Module) -> Optimizer:
    """The optimizer with these wrappers around it; itself where there is none.

    Raises:
        UserError: they do not go together, or not with this model.
    """
    if not wrappers:
        return optimizer
    try:
        return Stack(optimizer, wrappers, model)
    except ValueError as error:
        raise UserError(f"wrapper: {error}") from error
