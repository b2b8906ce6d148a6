"""Embedding: say here in one line what this is."""

# Shapes: B batch, N length, E embedding dimension.

import math
from typing import Annotated

import torch
from annotated_types import Ge
from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.tokenizer import Tokenizer
from torch import Tensor, nn


@register("embedding", "my_embedding")
class MyEmbedding(Embedding):
    """A learned vector for each token plus waves for its position (arXiv 1706.03762).

    The first line above is what `dougong plugins` lists. Name the source.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args. `tokenizer` is a slot, since its type is a kind.

    Args:
        dim: numbers a vector.
    """

    def __init__(self, tokenizer: Tokenizer, dim: Annotated[int, Ge(2)] = 128) -> None:
        super().__init__()
        # Encoders and tasks read these; `max_length` is the longest input, if any.
        self.tokenizer = tokenizer
        self.dim = dim
        padding = tokenizer.padding_id
        self.token = nn.Embedding(tokenizer.size, dim, padding_idx=padding)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, N) tokens to (B, N, E) vectors.

        What stands at padding must not matter, and `inputs.positions`, where they are
        given, say where in its text each token stands.
        """
        positions = inputs.positions
        if positions is None:
            length = inputs.tokens.size(1)
            positions = torch.arange(length, device=inputs.tokens.device)
        vectors: Tensor = self.token(inputs.tokens)
        return vectors + self._waves(positions).to(vectors.dtype)

    def _waves(self, positions: Tensor) -> Tensor:
        """(..., N) positions to (..., N, E)."""
        half = (self.dim + 1) // 2
        steps = torch.arange(half, device=positions.device) / half
        angles = positions[..., None] * torch.exp(-math.log(10_000.0) * steps)
        waves = torch.cat([angles.sin(), angles.cos()], -1)
        return waves[..., : self.dim]
