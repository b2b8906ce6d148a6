"""Whether the processes still train one model."""

import torch
from torch import distributed, nn

from dougong.errors import UserError
from dougong.training.processes import group


@torch.no_grad()
def begin_together(model: nn.Module) -> None:
    """Take the weights of the first process; they are the same anyway, unless the processors differ."""
    if group.world() == 1:
        return
    for tensor in [*model.parameters(), *model.buffers()]:
        if tensor.is_floating_point():
            first = tensor.detach().contiguous()
            distributed.broadcast(first, 0)
            tensor.detach().copy_(first)


@torch.no_grad()
def check_same(model: nn.Module) -> None:
    """Compare the weights of the processes.

    Raises:
        UserError: they have moved apart, as by an optimizer that draws random numbers.
    """
    if group.world() == 1:
        return
    sums = [item.double().sum() for item in model.parameters()]
    found = group.everyone(torch.stack(sums).tolist() if sums else [])
    # Not equal to itself is what is not a number; that has an error of its own.
    if any(one != other and one == one for part in found for one, other in zip(part, found[0], strict=True)):
        raise UserError(
            "trainer.strategy: the weights of the processes are no longer the same; something in the training is "
            "random in each, the optimizer perhaps. Train in one process (trainer.strategy=single)."
        )
