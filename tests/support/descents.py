"""Small models to be optimized, and the same gradients for all of them."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

ROWS, WIDTH = 30, 4


class Tagger(nn.Module):
    """An embedding and a layer, in float64."""

    def __init__(self, sparse: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.word = nn.Embedding(ROWS, WIDTH, sparse=sparse, dtype=torch.float64)
        self.output = nn.Linear(WIDTH, 3, dtype=torch.float64)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)

    def forward(self, tokens):
        """(B, N) tokens to (B, N, 3)."""
        return self.output(torch.tanh(self.word(tokens)))


def batch(number: int) -> torch.Tensor:
    """Tokens number so-and-so, of some rows alone: low rows often, high ones seldom."""
    generator = torch.Generator().manual_seed(100 + number)
    return (ROWS * torch.rand(2, 5, generator=generator) ** 2).long()


def descend(model: nn.Module, optimizer: Optimizer, numbers: Sequence[int]) -> None:
    """One update for each of these batches."""
    for number in numbers:
        optimizer.zero_grad()
        model(batch(number)).square().mean().backward()
        optimizer.step()


def weights(model: nn.Module) -> list[torch.Tensor]:
    """Copies of the weights."""
    return [parameter.detach().clone() for parameter in model.parameters()]


def through_a_file(state: Any) -> Any:
    """What comes back of a state that was saved, and loaded without running code."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


class Lion(Optimizer):
    """arXiv 2302.06675, literally."""

    row_separable = True

    def __init__(self, params, lr: float = 1e-3, betas=(0.9, 0.99), weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        """One update."""
        for group in self.param_groups:
            for item in (item for item in group["params"] if item.grad is not None):
                state = self.state[item]
                momentum = state.setdefault("exp_avg", torch.zeros_like(item))
                move = (momentum * group["betas"][0] + item.grad * (1 - group["betas"][0])).sign()
                item.sub_(group["lr"] * (move + group["weight_decay"] * item))
                momentum.lerp_(item.grad, 1 - group["betas"][1])


class AdaX(Optimizer):
    """arXiv 2004.09740, literally, but for the second moment, which is kept as corrected."""

    row_separable = True

    def __init__(self, params, lr: float = 1e-3, betas=(0.9, 1e-4), eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        """One update."""
        for group in self.param_groups:
            first, growth = group["betas"]
            for item in (item for item in group["params"] if item.grad is not None):
                state = self.state[item]
                if not state:
                    state |= {"step": 0, "exp_avg": torch.zeros_like(item), "exp_avg_sq": torch.zeros_like(item)}
                state["step"] += 1
                share = growth / ((1 + growth) ** state["step"] - 1)
                state["exp_avg"].lerp_(item.grad, 1 - first)
                state["exp_avg_sq"].lerp_(item.grad.square(), share)
                item.addcdiv_(state["exp_avg"], state["exp_avg_sq"].sqrt() + group["eps"], value=-group["lr"])


CORES: dict[str, Callable[..., Optimizer]] = {
    "adamw": lambda params: torch.optim.AdamW(params, lr=0.05, weight_decay=0.1),
    "fused adamw": lambda params: torch.optim.AdamW(params, lr=0.05, weight_decay=0.1, fused=True),
    "adam": lambda params: torch.optim.Adam(params, lr=0.05, weight_decay=0.1),
    "amsgrad": lambda params: torch.optim.AdamW(params, lr=0.05, amsgrad=True),
    "radam": lambda params: torch.optim.RAdam(params, lr=0.05),
    "sgd": lambda params: torch.optim.SGD(params, lr=0.05, weight_decay=0.1),
    "momentum": lambda params: torch.optim.SGD(params, lr=0.05, momentum=0.9, dampening=0.5),
    "lion": lambda params: Lion(params, lr=0.01, weight_decay=0.1),
    "adax": lambda params: AdaX(params, lr=0.01),
}
