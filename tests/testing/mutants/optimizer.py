"""Optimizers, each of which breaks the promise that its name is the check of."""

from typing import Literal

import torch
from torch.optim import Optimizer

from dougong import register


class Sound(Optimizer):
    """Descent with momentum, as it should be."""

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move(parameter, parameter.grad, group["lr"])
        return loss

    def move(self, parameter, gradient, lr):
        if gradient.is_sparse:
            raise RuntimeError("it takes no sparse gradients")
        parameter.add_(self.momentum(parameter, gradient), alpha=-lr)

    def momentum(self, parameter, gradient):
        state = self.state[parameter]
        state["momentum"] = state.get("momentum", torch.zeros_like(parameter)) * 0.9 + gradient
        return state["momentum"]


@register("optimizer", "descent")
class Descent(Sound):
    """Climbs.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def move(self, parameter, gradient, lr):
        super().move(parameter, gradient, -lr)


@register("optimizer", "closure")
class Closure(Sound):
    """Keeps the closure's loss to itself.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def step(self, closure=None):
        super().step(closure)


@register("optimizer", "state_round_trip")
class StateRoundTrip(Sound):
    """Keeps its momentum out of its state.

    Args:
        lr: learning rate.
    """

    also = ("resumed_run",)

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)
        self.kept = {}

    def momentum(self, parameter, gradient):
        kept = self.kept.get(parameter, torch.zeros_like(parameter)) * 0.9 + gradient
        self.kept[parameter] = kept
        return kept


@register("optimizer", "state_types")
class StateTypes(Sound):
    """Keeps its momentum in float32, which PyTorch turns into the weights' type at loading.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def momentum(self, parameter, gradient):
        found = super().momentum(parameter, gradient)
        if parameter.dtype == torch.bfloat16:
            self.state[parameter]["momentum"] = found.float()
        return found


@register("optimizer", "groups")
class Groups(Sound):
    """Has one learning rate for all.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def move(self, parameter, gradient, lr):
        super().move(parameter, gradient, self.defaults["lr"])


@register("optimizer", "no_gradient")
class NoGradient(Sound):
    """Shrinks what has no gradient.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def step(self, closure=None):
        loss = super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    parameter.detach().mul_(0.9)
        return loss


@register("optimizer", "zero_gradient")
class ZeroGradient(Sound):
    """Divides by the size of the gradient.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def move(self, parameter, gradient, lr):
        super().move(parameter, gradient / gradient.pow(2).sum().sqrt() if gradient.numel() else gradient, lr)


@register("optimizer", "sparse_gradients")
class SparseGradients(Sound):
    """Leaves out sparse gradients in silence.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def move(self, parameter, gradient, lr):
        if not gradient.is_sparse:
            super().move(parameter, gradient, lr)


@register("optimizer", "layouts")
class Layouts(Sound):
    """Moves a copy where the weights are not contiguous.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)

    def move(self, parameter, gradient, lr):
        if gradient.is_sparse:
            raise RuntimeError("it takes no sparse gradients")
        change = self.momentum(parameter, gradient)
        parameter.detach().reshape(-1).add_(change.reshape(-1), alpha=-lr)


@register("optimizer", "fast_paths")
class FastPaths(Sound):
    """Has a fast way that is another.

    Args:
        lr: learning rate.
        backend: how it is computed.
    """

    def __init__(self, params, lr: float = 0.01, backend: Literal["loop", "fast"] = "loop") -> None:
        super().__init__(params, lr)
        self.factor = 1.01 if backend == "fast" else 1.0

    def move(self, parameter, gradient, lr):
        super().move(parameter, gradient, lr * self.factor)


@register("optimizer", "maximisation")
class Maximisation(Sound):
    """Ignores `maximize`.

    Args:
        lr: learning rate.
        maximize: whether to climb.
    """

    def __init__(self, params, lr: float = 0.01, maximize: bool = False) -> None:
        super().__init__(params, lr)


@register("optimizer", "resumed_run")
class ResumedRun(Sound):
    """Scales its momentum when the learning rate changes, and forgets what that was.

    Args:
        lr: learning rate.
    """

    def __init__(self, params, lr: float = 0.01) -> None:
        super().__init__(params, lr)
        self.last = None

    def step(self, closure=None):
        rate = self.param_groups[0]["lr"]
        for state in self.state.values():
            if self.last and "momentum" in state:
                state["momentum"] *= rate / self.last
        self.last = rate
        return super().step(closure)
