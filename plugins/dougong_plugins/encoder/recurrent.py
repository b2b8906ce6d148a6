"""Encoder: recurrent layers, read in both directions."""

# Shapes: B batch, N length, D hidden dimension.

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.encoder import Encoder
from dougong.nn.dropout import Dropout

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


@register("encoder", "recurrent")
class RecurrentEncoder(Encoder):
    """Recurrent layers, in both directions or forwards only.

    LSTM (Hochreiter and Schmidhuber, 1997) or GRU (arXiv 1406.1078). Sequences are packed, so that no step is spent on
    padding, which has to be at the end.

    Args:
        cell: of which the layers are made.
        layers: how many.
        dim: numbers a token; null for as many as the embedding gives.
        bidirectional: half of the numbers from a reading forwards and half from one backwards.
        dropout: probability that a number is zeroed in training, between the layers and after the last.
    """

    supports = frozenset({"vectors"})
    known_failures: ClassVar = {"compilation": "the lengths of packed sequences are known to no graph"}

    def __init__(
        self,
        embedding: Embedding,
        cell: Literal["lstm", "gru"] = "lstm",
        layers: Annotated[int, Ge(1)] = 1,
        dim: Annotated[int, Ge(1)] | None = None,
        bidirectional: bool = True,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        dim = dim or embedding.dim
        if bidirectional and dim % 2:
            raise ValueError(f"dim: must be even for two directions, got {dim}.")
        self.embedding = embedding
        self.tokenizer, self.dim, self.max_length = embedding.tokenizer, dim, embedding.max_length
        self.layers = nn.ModuleList(
            _CELLS[cell](dim if layer else embedding.dim, dim // (1 + bidirectional), bidirectional=bidirectional)
            for layer in range(layers)
        )
        self.dropout = Dropout(dropout)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """As many layers as it takes to have one upon another."""
        return {"layers": 2}

    def forward(self, inputs: Inputs, causal: bool = False, memory: None = None) -> Tensor:
        """(B, N) tokens to (B, N, D) states, zeros at padding."""
        states = self.embedded(inputs)
        count, length = states.shape[:2]
        padding = inputs.padding_mask
        lengths = torch.full((count,), length) if padding is None else length - padding.sum(1).cpu()
        packed = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        for layer in self.layers:
            packed, _ = layer(packed)
            packed = packed._replace(data=self.dropout(packed.data))
        states, _ = pad_packed_sequence(packed, batch_first=True, total_length=length)
        return states
