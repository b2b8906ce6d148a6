"""Embedding: tokens and their positions."""

# Shapes: B batch, N length, E embedding dimension.

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.tokenizer import Tokenizer
from dougong.nn.dropout import Dropout
from dougong.nn.hierarchical_positions import hierarchical_positions


@register("embedding", "token")
class TokenEmbedding(Embedding):
    """A learned vector for each token plus one for each position and, for pairs of texts, one for each part.

    Args:
        dim: numbers a vector.
        positions: a learned vector each; or composed beyond the first `learned_positions`, of two of these each
            (kexue.fm/archives/7947); or none (for encoders that know order by themselves).
        max_length: the longest input that has positions.
        learned_positions: how many vectors are learned where positions are hierarchical; `max_length` may go up to its
            square.
        position_alpha: weight of the coarse part where positions are hierarchical; not 0.5, at which two positions have
            one vector.
        segments: how many parts an input may have (2 for pairs of texts); 1 learns no segment vectors.
        norm: whether the sum is normalised, as in BERT; an encoder with `norm=post` then does not do it again.
        norm_eps: what that normalisation adds to the variance.
        dropout: probability that a number is zeroed in training.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        dim: Annotated[int, Ge(1)] = 256,
        positions: Literal["learned", "hierarchical", "none"] = "learned",
        max_length: Annotated[int, Ge(1)] = 512,
        learned_positions: Annotated[int, Ge(1)] | None = None,
        position_alpha: Annotated[float, Gt(0), Lt(1)] = 0.4,
        segments: Annotated[int, Ge(1)] = 1,
        norm: bool = False,
        norm_eps: Annotated[float, Gt(0)] = 1e-5,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        self.tokenizer, self.dim, self.segments, self.normalised = tokenizer, dim, segments, norm
        self.max_length = None if positions == "none" else max_length
        self.alpha = position_alpha if positions == "hierarchical" else None
        rows = _rows(positions, max_length, learned_positions, position_alpha)
        self.token = nn.Embedding(tokenizer.size, dim, padding_idx=tokenizer.padding_id)
        self.position = nn.Embedding(rows, dim) if rows else None
        self.segment = nn.Embedding(segments, dim) if segments > 1 else None
        self.norm = nn.LayerNorm(dim, norm_eps) if norm else nn.Identity()
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
        """(B, N) tokens to (B, N, E) vectors; without segments, all are of the first."""
        states: Tensor = self.token(inputs.tokens)
        if self.position is not None:
            states = states + self._placed(inputs, self.position)
        if self.segment is not None:
            segments = inputs.segments
            states = states + self.segment(inputs.tokens.new_zeros(1, 1) if segments is None else segments)
        dropped: Tensor = self.dropout(self.norm(states))
        return dropped

    def _placed(self, inputs: Inputs, table: nn.Embedding) -> Tensor:
        positions = inputs.positions
        if positions is None:  # looked up, not cut off the table: `lazy` has to see what is used
            positions = torch.arange(inputs.tokens.size(1), device=inputs.tokens.device)
        placed: Tensor = (
            table(positions) if self.alpha is None else hierarchical_positions(table, positions, self.alpha)
        )
        return placed


def _rows(positions: str, max_length: int, learned: int | None, alpha: float) -> int:
    """How many vectors of positions are learned.

    Raises:
        ValueError: the settings contradict each other.
    """
    if positions != "hierarchical":
        if learned is not None:
            raise ValueError(f"learned_positions: is of positions=hierarchical alone; with {positions} leave it null.")
        return max_length if positions == "learned" else 0
    if learned is None:
        raise ValueError("learned_positions: has to be given with positions=hierarchical.")
    if max_length > learned**2:
        raise ValueError(f"max_length: {learned} learned positions compose {learned**2:,} at most, got {max_length}.")
    if alpha == 0.5:
        raise ValueError("position_alpha: must not be 0.5, at which two positions would have one vector.")
    return learned
