"""Wrapper: lookahead."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from dougong import register
from dougong.contracts.wrapper import Place, Wrapper
from dougong.optim.stack import Stack

COUNT, EVALUATING, SLOW, SLOW_MOMENTUM = "lookahead_step", "lookahead_evaluating", "slow", "slow_momentum"
MOMENTA = ("exp_avg", "momentum_buffer")
# What a first update finds at zero, so that zero is where a reset puts it.
BEGIN_AT_ZERO = {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer"}
OWN = {SLOW, SLOW_MOMENTUM}
BLOCK = 1 << 18  # numbers that are copied while they are still in the cache


@register("wrapper", "lookahead")
class Lookahead(Wrapper):
    """Every `k` updates the slow weights go a part of the way to the fast ones, which go on from there (1907.08610).

    The slow weights begin as the weights before the first update. All parameters that have moved take part, also
    those without a gradient at the time.

    Args:
        k: updates between two steps of the slow weights.
        alpha: how much of the way they go.
        pullback: of the momentum, every `k` updates: "none" leaves it; "pullback" does with the first moment what is
            done with the weights; "reset" lets all moments and the clock of the bias correction begin anew.
        evaluate: the weights that are validated and saved as the model.
    """

    place: ClassVar[Place] = "weights"
    replaces_weights: ClassVar[bool] = True

    def __init__(
        self,
        k: Annotated[int, Ge(1)] = 5,
        alpha: Annotated[float, Gt(0), Le(1)] = 0.5,
        pullback: Literal["none", "pullback", "reset"] = "none",
        evaluate: Literal["fast", "slow"] = "fast",
    ) -> None:
        if k < 1:
            raise ValueError(f"k: must be >= 1, got {k}.")
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha: must be > 0, <= 1, got {alpha}.")
        self.k = k
        self.alpha = alpha
        self.pullback = pullback
        self.evaluate = evaluate

    def attach(self, stack: Stack, model: Any) -> None:
        """Refuse an optimizer that averages weights itself: it would lose what belongs to those that are replaced."""
        if hasattr(stack.core, "eval"):
            raise ValueError(
                f"lookahead: {type(stack.core).__name__} keeps averaged weights of its own; leave one out."
            )

    @contextmanager
    def around(self, stack: Stack) -> Iterator[None]:
        """Remember where parameters stood before they first move; every `k` updates, take them back."""
        if any(group.get(EVALUATING) for group in stack.param_groups):
            raise RuntimeError(
                "lookahead: the slow weights are in place; call `train()` of the optimizer before a step."
            )
        first = self._before_first_moves(stack)
        yield
        # Only now: to PyTorch's optimizers a parameter is new as long as its state is empty.
        for parameter, slow in first.items():
            stack.state[parameter] |= slow
        for group in stack.param_groups:
            group[COUNT] = group.get(COUNT, 0) + 1
            if group[COUNT] % self.k == 0:
                self._synchronize([item for item in group["params"] if SLOW in stack.state.get(item, ())], stack.state)

    def _before_first_moves(self, stack: Stack) -> dict[Tensor, dict[str, Tensor]]:
        """What has no slow weights yet, and is about to move."""
        moving = [item for group in stack.param_groups for item in group["params"] if item.grad is not None]
        return {item: {SLOW: item.detach().clone()} for item in moving if SLOW not in stack.state.get(item, ())}

    def _synchronize(self, parameters: Sequence[Tensor], state: dict[Tensor, dict[str, Any]]) -> None:
        """Let the slow weights follow, and the fast ones begin there."""
        for parameter in parameters:
            follow(state[parameter][SLOW], parameter, self.alpha)
            if self.pullback == "pullback":
                self._pull_back(state[parameter])
            elif self.pullback == "reset":
                reset(state[parameter])

    def _pull_back(self, state: dict[str, Any]) -> None:
        for key in MOMENTA:
            if isinstance(state.get(key), Tensor):
                # Momentum begins at zero, as the weights begin where they are.
                slow = state.setdefault(SLOW_MOMENTUM, torch.zeros_like(state[key]))
                follow(slow, state[key], self.alpha)

    def eval(self, stack: Stack) -> None:
        """Put the slow weights in place, if they are to be evaluated."""
        if self.evaluate == "slow":
            self._swap(stack, True)

    def train(self, stack: Stack) -> None:
        """Put the fast weights back."""
        self._swap(stack, False)

    @torch.no_grad()
    def _swap(self, stack: Stack, evaluating: bool) -> None:
        for group in stack.param_groups:
            if group.get(EVALUATING, False) == evaluating:
                continue
            group[EVALUATING] = evaluating
            for parameter in group["params"]:
                if SLOW in (state := stack.state.get(parameter, {})):
                    fast = parameter.detach().clone()
                    parameter.copy_(state[SLOW])
                    state[SLOW].copy_(fast)


def follow(slow: Tensor, fast: Tensor, alpha: float) -> None:
    """`slow` goes a part of the way to `fast`, and `fast` is put where `slow` then is."""
    if type(slow) is Tensor and slow.numel() > BLOCK and slow.is_contiguous() and fast.is_contiguous():
        blocks = zip(*(torch.split(item.detach().view(-1), BLOCK) for item in (slow, fast)), strict=True)
    else:
        blocks = zip((slow,), (fast.detach(),), strict=True)
    for one, other in blocks:
        one.lerp_(other, alpha)
        other.copy_(one)


def reset(state: dict[str, Any]) -> None:
    """Let an optimizer's state of one parameter be as before its first update."""
    for key in [key for key in state if key not in OWN]:
        if key not in BEGIN_AT_ZERO:
            raise ValueError(f"pullback: reset is not known to be right for `{key}` of this optimizer; choose another.")
        if isinstance(state[key], Tensor):
            state[key].zero_()
        elif state[key] is not None:
            state[key] = type(state[key])(0)
