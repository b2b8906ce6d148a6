"""Dilated gated convolutions over sequences, blind to padding."""

# Shapes: B batch, N length, D dimension, W width.

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dougong.nn.dropout import Dropout


class GatedConvolution(nn.Module):
    """x (1 - g) + conv(x) g with a gate g = sigmoid(gate(x)), where conv and gate are two convolutions of one shape.

    The gate is a residual connection as well: where it is shut a state passes as it is (kexue.fm/archives/5409).

    Args:
        dim: numbers a state.
        width: how many states a convolution sees, itself in the middle; odd.
        dilation: how many places these are apart.
        gate_dropout: probability that what the gate is the sigmoid of is zeroed in training.
    """

    def __init__(self, dim: int, width: int = 3, dilation: int = 1, gate_dropout: float = 0.1) -> None:
        super().__init__()
        self.dim, self.width, self.dilation = dim, width, dilation
        # A matrix: rows are outputs (of the convolution, then of the gate), columns the numbers of W states in order.
        self.weight = nn.Parameter(torch.empty(2 * dim, width * dim))
        self.bias = nn.Parameter(torch.zeros(2 * dim))
        self.gate_dropout = Dropout(gate_dropout)
        bound = math.sqrt(6 / (width * dim + 2 * width * dim))  # Glorot's, as in the published model
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, states: Tensor, causal: bool = False) -> Tensor:
        """(B, N, D) to (B, N, D); what is beyond either end counts as zeros.

        Args:
            causal: whether the states that are seen are those up to itself, instead of those around it.
        """
        content, gate = self.convolve(states, causal).chunk(2, -1)
        opened: Tensor = torch.sigmoid(self.gate_dropout(gate))
        return states + opened * (content - states)

    def convolve(self, states: Tensor, causal: bool = False) -> Tensor:
        """(B, N, D) to (B, N, 2 D): both convolutions."""
        reach = (self.width - 1) * self.dilation
        if causal:
            states = functional.pad(states, (0, 0, reach, 0))
        # As an image one pixel high whose channels lie together, which is how the states lie already: measured, the
        # fastest of the ways there are (docs/benchmarks/passage_qa.md).
        image = states.transpose(1, 2).unsqueeze(2)
        kernel = self.weight.view(2 * self.dim, self.width, self.dim).transpose(1, 2).unsqueeze(2)
        padding = (0, 0 if causal else reach // 2)
        found = functional.conv2d(image, kernel, self.bias, padding=padding, dilation=(1, self.dilation))
        return found.squeeze(2).transpose(1, 2)

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"dim={self.dim}, width={self.width}, dilation={self.dilation}"


class GatedConvolutions(nn.Module):
    """Gated convolutions one after another, one for each dilation.

    Args:
        dim, width, gate_dropout: as of each.
        dilations: of each.
    """

    def __init__(self, dim: int, dilations: Sequence[int], width: int = 3, gate_dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GatedConvolution(dim, width, dilation, gate_dropout) for dilation in dilations)

    def forward(self, states: Tensor, padding_mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """(B, N, D) to (B, N, D), zeros at padding.

        Args:
            padding_mask: (B, N), True at padding; to the convolutions it is as what lies beyond the end.
        """
        states = _without(states, padding_mask)
        for layer in self.layers:
            states = _without(layer(states, causal), padding_mask)
        return states


def _without(states: Tensor, padding_mask: Tensor | None) -> Tensor:
    return states if padding_mask is None else states.masked_fill(padding_mask.unsqueeze(-1), 0.0)
