"""Embedding: tokens and their positions."""

# Shapes: B batch, N length, E embedding dimension.

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.tokenizer import Tokenizer
from dougong.nn.dropout import Dropout


@register("embedding", "token")
class TokenEmbedding(Embedding):
    """A learned vector for each token plus one for each position.

    Args:
        dim: numbers a vector.
        positions: learned vectors, or none (for encoders that know order by themselves).
        max_length: how many positions are learned.
        segments: how many parts an input may have (2 for pairs of texts); 1 learns no segment vectors.
        dropout: probability that a number is zeroed in training.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        dim: Annotated[int, Ge(1)] = 256,
        positions: Literal["learned", "none"] = "learned",
        max_length: Annotated[int, Ge(1)] = 512,
        segments: Annotated[int, Ge(1)] = 1,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.dim = dim
        self.segments = segments
        self.token = nn.Embedding(tokenizer.size, dim, padding_idx=tokenizer.padding_id)
        self.position = nn.Embedding(max_length, dim) if positions == "learned" else None
        self.segment = nn.Embedding(segments, dim) if segments > 1 else None
        self.max_length = max_length if positions == "learned" else None
        self.dropout = Dropout(dropout)
        self._initialise()

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short vectors."""
        return {"dim": 16}

    def _initialise(self) -> None:
        for table in (self.token, self.position, self.segment):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)
        with torch.no_grad():
            self.token.weight[self.tokenizer.padding_id] = 0.0

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, N) tokens to (B, N, E) vectors."""
        states: Tensor = self.token(inputs.tokens)
        if self.position is not None:
            positions = inputs.positions
            if positions is None:  # looked up, not cut off the table: `lazy` has to see what is used
                positions = torch.arange(inputs.tokens.size(1), device=inputs.tokens.device)
            states = states + self.position(positions)
        if self.segment is not None and inputs.segments is not None:
            states = states + self.segment(inputs.segments)
        dropped: Tensor = self.dropout(states)
        return dropped
