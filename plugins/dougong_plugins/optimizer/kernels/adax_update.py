"""One update of AdaX over lists of tensors, in four ways that give the same."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Elements that are updated at a time by `blocked`: what is computed of them stays in the cache that the cores share.
BLOCK = 1 << 20
# PyTorch's kernel divides by 1 - beta**step, which is exactly 1 at this step for every beta < 1 that we give it.
ENDLESS = 2.0**62


@dataclass(frozen=True)
class Coefficients:
    """The numbers of one update.

    Args:
        lr: the learning rate.
        momentum: what is kept of the first moment.
        share: what the new square takes of the second moment, c_t.
        eps: added to the root of the second moment.
        weight_decay: share of a weight that decays, times `lr` where decoupled.
        decoupled: whether decay acts on the weights, not through the gradients.
        maximize: whether to go up.
    """

    lr: float
    momentum: float
    share: float
    eps: float
    weight_decay: float
    decoupled: bool
    maximize: bool


Tensors = list[Tensor] | tuple[Tensor, ...]
Backend = Callable[[Tensors, Tensors, Tensors, Tensors, Coefficients], None]


def fused(parameters: Tensors, gradients: Tensors, averages: Tensors, squares: Tensors, k: Coefficients) -> None:
    """By PyTorch's own kernel for AdamW (Adam, where decay is coupled): Adam with beta2 = 1 - c_t and no correction."""
    kernel = torch._fused_adamw_ if k.decoupled else torch._fused_adam_
    steps = [torch.full((), ENDLESS, device=parameters[0].device)] * len(parameters)
    kernel(
        parameters,
        gradients,
        averages,
        squares,
        [],
        steps,
        lr=k.lr,
        beta1=k.momentum,
        beta2=1 - k.share,
        weight_decay=k.weight_decay,
        eps=k.eps,
        amsgrad=False,
        maximize=k.maximize,
        grad_scale=None,
        found_inf=None,
    )


def blocked(parameters: Tensors, gradients: Tensors, averages: Tensors, squares: Tensors, k: Coefficients) -> None:
    """By plain operations on as many elements as fit in a core's cache, so that memory is gone through once."""
    # One for all: new memory has to be found page by page.
    scratch = squares[0].new_empty(min(BLOCK, max(square.numel() for square in squares)))
    for tensors in zip(parameters, gradients, averages, squares, strict=True):
        for part in zip(*(torch.split(tensor.view(-1), BLOCK) for tensor in tensors), strict=True):
            parameter, gradient, average, square = part
            _update(parameter, gradient, average, square, scratch[: parameter.numel()], k)


def loop(parameters: Tensors, gradients: Tensors, averages: Tensors, squares: Tensors, k: Coefficients) -> None:
    """By plain operations, one tensor after the other."""
    for tensors in zip(parameters, gradients, averages, squares, strict=True):
        _update(*tensors, torch.empty_like(tensors[3]), k)


def foreach(parameters: Tensors, gradients: Tensors, averages: Tensors, squares: Tensors, k: Coefficients) -> None:
    """By PyTorch's operations on lists, which launch few kernels where there are many small tensors."""
    if k.maximize:
        gradients = torch._foreach_neg(gradients)
    if k.weight_decay and k.decoupled:
        torch._foreach_mul_(parameters, 1 - k.lr * k.weight_decay)
    elif k.weight_decay:
        gradients = torch._foreach_add(gradients, parameters, alpha=k.weight_decay)
    torch._foreach_lerp_(averages, gradients, 1 - k.momentum)
    torch._foreach_mul_(squares, 1 - k.share)
    torch._foreach_addcmul_(squares, gradients, gradients, k.share)
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, k.eps)
    torch._foreach_addcdiv_(parameters, averages, roots, -k.lr)


def _update(
    parameter: Tensor, gradient: Tensor, average: Tensor, square: Tensor, scratch: Tensor, k: Coefficients
) -> None:
    if k.maximize:
        gradient = gradient.neg()
    if k.weight_decay and k.decoupled:
        parameter.mul_(1 - k.lr * k.weight_decay)
    elif k.weight_decay:
        gradient = gradient.add(parameter, alpha=k.weight_decay)
    average.lerp_(gradient, 1 - k.momentum)
    square.mul_(1 - k.share).addcmul_(gradient, gradient, value=k.share)
    torch.sqrt(square, out=scratch).add_(k.eps)
    parameter.addcdiv_(average, scratch, value=-k.lr)
