"""Wrappers, each of which breaks the promise that its name is the check of."""

from contextlib import contextmanager
from typing import ClassVar

import torch

from dougong import register
from dougong.contracts.wrapper import Wrapper
from dougong.optim.stack import Stack


class Sound(Wrapper):
    """Does nothing, as it should."""

    place: ClassVar = "gradient"

    @contextmanager
    def around(self, stack):
        self.before(stack)
        yield
        self.after(stack)

    def before(self, stack):
        """Nothing."""

    def after(self, stack):
        """Nothing."""

    def moving(self, stack):
        return [item for group in stack.param_groups for item in group["params"] if item.grad is not None]


@register("wrapper", "descent")
class Descent(Sound):
    """Turns gradients round."""

    def before(self, stack):
        for parameter in self.moving(stack):
            parameter.grad = -parameter.grad


@register("wrapper", "state_round_trip")
class StateRoundTrip(Sound):
    """Halves the gradient at each third update, and keeps the count to itself."""

    also = ("resumed_run", "model")

    def __init__(self) -> None:
        self.count = 0

    def before(self, stack):
        self.count += 1
        for parameter in self.moving(stack):
            parameter.grad = parameter.grad * (0.5 if self.count % 3 == 0 else 1.0)


@register("wrapper", "state_types")
class StateTypes(Sound):
    """Keeps numbers in float32 beside weights in 16 bits."""

    def after(self, stack):
        for parameter in self.moving(stack):
            if parameter.dtype == torch.bfloat16:
                stack.state[parameter]["kept"] = parameter.detach().float()


@register("wrapper", "groups")
class Groups(Sound):
    """Moves weights whose learning rate is 0."""

    def after(self, stack):
        for parameter in self.moving(stack):
            parameter.mul_(0.999)


@register("wrapper", "no_gradient")
class NoGradient(Sound):
    """Shrinks what has no gradient."""

    def after(self, stack):
        for group in stack.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    parameter.mul_(0.9)


@register("wrapper", "zero_gradient")
class ZeroGradient(Sound):
    """Divides by the size of the gradient."""

    def before(self, stack):
        for parameter in self.moving(stack):
            if parameter.grad.numel():
                parameter.grad = parameter.grad / parameter.grad.pow(2).sum().sqrt()


@register("wrapper", "layouts")
class Layouts(Sound):
    """Shrinks a copy where the weights are not contiguous."""

    def after(self, stack):
        for group in stack.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and group["lr"]:
                    parameter.reshape(-1).mul_(0.999)


@register("wrapper", "resumed_run")
class ResumedRun(Sound):
    """Does otherwise when the learning rate is not what it was, which it forgets."""

    last = None

    def before(self, stack):
        rate = stack.param_groups[0]["lr"]
        if self.last and rate != self.last:
            for parameter in self.moving(stack):
                parameter.grad = parameter.grad * 2
        self.last = rate


@register("wrapper", "any_optimizer")
class AnyOptimizer(Sound):
    """Takes every optimizer to have moments of AdamW's, in AdamW's own class."""

    also = ("sparse_gradients",)

    def attach(self, stack, model):
        if not isinstance(stack.core, torch.optim.AdamW) or "AdamW" not in type(stack.core).__name__:
            raise TypeError(f"{type(stack.core).__name__} has no moments")


@register("wrapper", "other_wrappers")
class OtherWrappers(Sound):
    """Wants to be alone."""

    def attach(self, stack, model):
        if len(stack.stages) > 1:
            raise TypeError("there is another")


class Silent(Stack):
    """Keeps the closure's loss to itself."""

    def step(self, closure=None):
        super().step(closure)


@register("wrapper", "closure")
class Closure(Sound):
    """Wraps in a stack that does not return the loss."""

    def wrap(self, optimizer, model=None):
        return Silent(optimizer, [self], model)


@register("wrapper", "fast_paths")
class FastPaths(Sound):
    """Does otherwise where the optimizer is told to loop."""

    def after(self, stack):
        for group in stack.param_groups:
            if group.get("foreach") is False and group.get("fused") is False:
                for parameter in group["params"]:
                    parameter.mul_(0.999)


@register("wrapper", "sparse_gradients")
class SparseGradients(Sound):
    """Leaves out sparse gradients in silence."""

    def before(self, stack):
        for parameter in self.moving(stack):
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad * 0.0


@register("wrapper", "evaluation")
class Evaluation(Sound):
    """Evaluates other weights, and does not put the trained ones back."""

    @torch.no_grad()
    def eval(self, stack):
        for group in stack.param_groups:
            for parameter in group["params"]:
                parameter.mul_(0.99)


@register("wrapper", "copies")
class Copies(Sound):
    """Is not copied with what it counts."""

    def __init__(self) -> None:
        self.copied = False

    def __deepcopy__(self, memo):
        other = Copies()
        other.copied = True
        return other

    def before(self, stack):
        for parameter in self.moving(stack):
            parameter.grad = parameter.grad * (2 if self.copied else 1)


@register("wrapper", "model")
class Model(Sound):
    """Counts the calls of a model that it is told of, and keeps the count to itself."""

    also = ("resumed_run",)

    def attach(self, stack, model):
        self.calls = 0
        if model is not None:
            model.register_forward_hook(self.called)

    def called(self, *_):
        self.calls += 1

    def before(self, stack):
        for parameter in self.moving(stack):
            parameter.grad = parameter.grad / (1 + self.calls % 5)
