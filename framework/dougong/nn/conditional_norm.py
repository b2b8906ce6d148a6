"""Layer normalisation whose gain and bias depend on something else."""

# Shapes: B batch, N length, D hidden dimension, C condition dimension.

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConditionalNorm(nn.Module):
    """Normalises states, then scales and shifts them as a condition says (kexue.fm/archives/7124).

    What the condition adds to gain and bias is 0 at first, so that training begins with plain layer normalisation.

    Args:
        dim: of the states.
        condition_dim: of the conditions.
    """

    def __init__(self, dim: int, condition_dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.gain = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.shift_gain = nn.Linear(condition_dim, dim, bias=False)
        self.shift_bias = nn.Linear(condition_dim, dim, bias=False)
        for layer in (self.shift_gain, self.shift_bias):
            nn.init.zeros_(layer.weight)

    def forward(self, states: Tensor, condition: Tensor) -> Tensor:
        """(B, N, D) states, each batch item under its own (B, C) condition, to (B, N, D)."""
        gain, bias = self.gain + self.shift_gain(condition), self.bias + self.shift_bias(condition)
        normal = functional.layer_norm(states, (self.dim,))
        return torch.addcmul(bias.unsqueeze(1), normal, gain.unsqueeze(1))
