"""Decoder: a recurrent network that looks at the source."""

# Shapes: B batch, N target length, M source length, K paths, D hidden dimension, L layers.

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.decoder import Decoder, Source, Writing, embedded
from dougong.contracts.embedding import Embedding
from dougong.nn.cross_attention import CrossAttention, Sight
from dougong.nn.dropout import Dropout


@register("decoder", "recurrent")
class RecurrentDecoder(Decoder):
    """LSTM or GRU layers, then multi-head attention to the source, as in kexue.fm/archives/5861.

    The layers start from the mean of the source's states.

    Args:
        cell: LSTM (doi 10.1162/neco.1997.9.8.1735), or GRU (arXiv 1406.1078).
        layers: how many.
        dim: numbers a token; null for as many as the embedding gives.
        heads: attention heads; they share `dim` evenly.
        dropout: probability that a number is zeroed in training.
    """

    known_failures: ClassVar = {"compilation": "torch.compile leaves LSTM and GRU out, unless it is told otherwise"}

    def __init__(
        self,
        embedding: Embedding,
        cell: Literal["lstm", "gru"] = "lstm",
        layers: Annotated[int, Ge(1)] = 2,
        dim: Annotated[int, Ge(1)] | None = None,
        heads: Annotated[int, Ge(1)] = 4,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        dim = dim or embedding.dim
        if dim % heads:
            raise ValueError(f"heads: must divide the dimension {dim}, got {heads}.")
        self.embedding, self.dim = embedding, dim
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.cells = nn.ModuleList(
            kind(dim if layer else embedding.dim, dim, batch_first=True) for layer in range(layers)
        )
        self.summary = nn.Linear(dim, layers * dim)
        self.cross, self.cross_norm, self.leave = CrossAttention(dim, heads), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """One layer."""
        return {"layers": 1}

    def forward(self, tokens: Tensor, source: Source) -> Tensor:
        """(B, N) tokens to (B, N, D) states."""
        own, _ = self._run(embedded(self.embedding, tokens), self._start(source))
        return self._look(own, self.cross.sight(*source))

    def looks(self, tokens: Tensor, source: Source) -> Tensor:
        """(B, N, M)"""
        own, _ = self._run(embedded(self.embedding, tokens), self._start(source))
        return self.cross.weights(self.cross_norm(own), self.cross.sight(*source))

    def begin(self, source: Source, paths: int, length: int) -> Writing:
        """The state of each layer."""
        hidden = self._start(source).repeat_interleave(paths, 1)
        return RecurrentWriting(hidden, self.cross.sight(*source), paths)

    def step(self, tokens: Tensor, writing: Writing) -> Tensor:
        """(B, K) tokens to (B, K, D) states."""
        assert isinstance(writing, RecurrentWriting)
        columns = embedded(self.embedding, tokens.flatten().unsqueeze(1), writing.steps)
        own, writing.hidden = self._run(columns, writing.hidden)
        writing.steps += 1
        return self._look(own.view(*tokens.shape, -1), writing.sight)

    def _start(self, source: Source) -> Tensor:
        """(L, B, 2 * D): the hidden state of each layer, and zeros for the cell of an LSTM."""
        states, padding_mask = source
        kept = torch.ones_like(states[..., :1]) if padding_mask is None else (~padding_mask).unsqueeze(-1).to(states)
        mean = (states * kept).sum(1) / kept.sum(1).clamp_min(1)
        hidden = self.summary(mean).tanh().view(len(mean), len(self.cells), self.dim).transpose(0, 1)
        return torch.cat([hidden, torch.zeros_like(hidden)], -1)

    def _run(self, states: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, E) vectors to (B, N, D) states, and the (L, B, 2 * D) state after the last."""
        after = []
        for layer, (cell, before) in enumerate(zip(self.cells, hidden, strict=True)):
            first, second = (part.unsqueeze(0).contiguous() for part in before.to(states.dtype).chunk(2, -1))
            if isinstance(cell, nn.LSTM):
                found, left = cell(states, (first, second))
            else:
                found, last = cell(states, first)
                left = (last, second)
            after.append(torch.cat(left, -1)[0])
            states = self.dropout(found) + (states if layer else 0)
        return states, torch.stack(after)

    def _look(self, own: Tensor, sight: Sight) -> Tensor:
        looked = self.cross(self.cross_norm(own), sight)
        return self.leave(own + self.dropout(looked))  # type: ignore[no-any-return]


class RecurrentWriting:
    """What a recurrent decoder remembers.

    Args:
        hidden: (L, B * K, 2 * D).
        sight: of the sources.
        paths: K.
    """

    def __init__(self, hidden: Tensor, sight: Sight, paths: int) -> None:
        self.hidden, self.sight, self.paths = hidden, sight, paths
        self.steps = 0

    def follow(self, parents: Tensor) -> None:
        """(B, K) numbers of paths."""
        first = torch.arange(len(parents), device=parents.device)[:, None] * self.paths
        self.hidden = self.hidden[:, (first + parents).flatten()]

    def keep(self, sources: Tensor) -> None:
        """(R,) numbers of sources."""
        layers, _, width = self.hidden.shape
        self.hidden = self.hidden.view(layers, -1, self.paths, width)[:, sources].flatten(1, 2)
        self.sight = self.sight.rows(sources)
