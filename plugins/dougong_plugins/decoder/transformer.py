"""Decoder: a stack of self-attention, attention to the source, and feed-forward layers."""

# Shapes: B batch, N target length, M source length, K paths, D hidden dimension.

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.attention import Attention
from dougong.contracts.decoder import Decoder, Source, Writing, embedded
from dougong.contracts.embedding import Embedding
from dougong.nn.cross_attention import CrossAttention, Sight
from dougong.nn.paths import Paths, SelfMemory
from dougong.nn.rotary import Turns, turns
from dougong.registry.types import PerLayer
from dougong_plugins.encoder.transformer import TransformerLayer, initialise


@register("decoder", "transformer")
class TransformerDecoder(Decoder):
    """Self-attention, attention to the source, and feed-forward layers (arXiv 1706.03762).

    Args:
        layers: how many.
        dim: numbers a token; null for as many as the embedding gives.
        heads: attention heads; they share `dim` evenly.
        feedforward_dim: width of the feed-forward layers; null for four times `dim`.
        norm: layer normalisation before each part (arXiv 2002.04745), or after it, as published.
        activation: of the feed-forward layers.
        rotary: turn queries and keys of the self-attention by their positions (arXiv 2104.09864).
        dropout: probability that a number is zeroed in training.
    """

    needs = frozenset({"causal"})

    def __init__(
        self,
        embedding: Embedding,
        decoder_attention: PerLayer[Attention],
        layers: Annotated[int, Ge(1)] = 4,
        dim: Annotated[int, Ge(1)] | None = None,
        heads: Annotated[int, Ge(1)] = 4,
        feedforward_dim: Annotated[int, Ge(1)] | None = None,
        norm: Literal["pre", "post"] = "pre",
        activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu",
        rotary: bool = False,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        dim = dim or embedding.dim
        if dim % heads:
            raise ValueError(f"heads: must divide the dimension {dim}, got {heads}.")
        if rotary and dim // heads % 2:
            raise ValueError(f"rotary: needs an even number of numbers a head, got {dim} / {heads}.")
        self.embedding, self.dim = embedding, dim
        self.turned = dim // heads if rotary else None
        self.widen = nn.Linear(embedding.dim, dim) if dim != embedding.dim else nn.Identity()
        self.enter = nn.LayerNorm(dim) if norm == "post" and not embedding.normalised else nn.Identity()
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                decoder_attention(layer), dim, heads, feedforward_dim or 4 * dim, norm == "pre", activation, dropout
            )
            for layer in range(layers)
        )
        self.leave = nn.LayerNorm(dim) if norm == "pre" else nn.Identity()
        self.apply(initialise)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """As many layers as it takes to alternate two attentions."""
        return {"layers": 2}

    def forward(self, tokens: Tensor, source: Source) -> Tensor:
        """(B, N) tokens to (B, N, D) states."""
        states, by = self._begin(tokens)
        for layer in self._layers():
            states = layer(states, layer.cross.sight(*source), by)
        left: Tensor = self.leave(states)
        return left

    def looks(self, tokens: Tensor, source: Source) -> Tensor:
        """(B, N, M), of the last layer."""
        states, by = self._begin(tokens)
        looked: Tensor | None = None
        for layer in self._layers():
            sight = layer.cross.sight(*source)
            looked = layer.looks(states, sight, by)
            states = layer(states, sight, by)
        assert looked is not None
        return looked

    def begin(self, source: Source, paths: int, length: int) -> Writing:
        """Keys and values of each layer, where every attention equals a masked softmax."""
        if any(layer.attention.mask(1, 1, causal=True) is None for layer in self._layers()):
            return super().begin(source, paths, length)
        return TransformerWriting(self, source, Paths(len(source.states), paths, length, source.states.device))

    def step(self, tokens: Tensor, writing: Writing) -> Tensor:
        """(B, K) tokens to (B, K, D) states."""
        if not isinstance(writing, TransformerWriting):
            return super().step(tokens, writing)
        states, by = self._begin(tokens, writing.paths.steps, one_place=True)
        positions = torch.full_like(tokens, writing.paths.steps)
        writing.paths.grow()
        for layer, memory, sight in zip(self._layers(), writing.memories, writing.sights, strict=True):
            states = layer(states, sight, by, memory, positions)
        left: Tensor = self.leave(states)
        return left

    def _begin(self, tokens: Tensor, position: int = 0, one_place: bool = False) -> tuple[Tensor, Turns | None]:
        """What goes into the first layer, and how far its queries and keys are turned."""
        columns = tokens.flatten().unsqueeze(1) if one_place else tokens
        states: Tensor = self.enter(self.widen(embedded(self.embedding, columns, position))).view(*tokens.shape, -1)
        if self.turned is None:
            return states, None
        width = 1 if one_place else tokens.size(1)
        places = torch.arange(position, position + width, device=tokens.device)
        return states, turns(places, self.turned, states.dtype)

    def _layers(self) -> list["TransformerDecoderLayer"]:
        return list(self.layers)  # type: ignore[arg-type]


class TransformerWriting:
    """What a transformer decoder remembers.

    Args:
        decoder: whose layers look at `source`.
        paths: (B sources, K paths).
    """

    def __init__(self, decoder: TransformerDecoder, source: Source, paths: Paths) -> None:
        layers = decoder._layers()
        self.paths = paths
        self.sights = [layer.cross.sight(*source) for layer in layers]
        self.memories = [SelfMemory(paths, layer.attention) for layer in layers]

    def follow(self, parents: Tensor) -> None:
        """(B, K) numbers of paths."""
        self.paths.follow(parents)

    def keep(self, sources: Tensor) -> None:
        """(R,) numbers of sources."""
        self.paths.keep(sources)
        self.sights = [sight.rows(sources) for sight in self.sights]
        for memory in self.memories:
            memory.keep(sources)


class TransformerDecoderLayer(TransformerLayer):
    """One layer: self-attention, attention to the source, a feed-forward network, each with a residual connection."""

    def __init__(
        self,
        attention: Attention,
        dim: int,
        heads: int,
        feedforward_dim: int,
        norm_first: bool,
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__(attention, dim, heads, feedforward_dim, norm_first, activation, dropout)
        self.cross = CrossAttention(dim, heads)
        self.cross_norm = nn.LayerNorm(dim)

    def forward(  # type: ignore[override]
        self,
        states: Tensor,
        sight: Sight,
        by: Turns | None = None,
        memory: SelfMemory | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """(B, N, D) to (B, N, D); with a memory, the states are those of one new token a path."""
        states = self._own(states, by, memory, positions)
        if self.norm_first:
            states = states + self.dropout(self.cross(self.cross_norm(states), sight))
            return states + self.dropout(self.feedforward(self.feedforward_norm(states)))  # type: ignore[no-any-return]
        states = self.cross_norm(states + self.dropout(self.cross(states, sight)))
        return self.feedforward_norm(states + self.dropout(self.feedforward(states)))  # type: ignore[no-any-return]

    def looks(self, states: Tensor, sight: Sight, by: Turns | None = None) -> Tensor:
        """How much each state looks at each token of the source: (B, N, M)."""
        states = self._own(states, by)
        return self.cross.weights(self.cross_norm(states) if self.norm_first else states, sight)

    def _own(
        self,
        states: Tensor,
        by: Turns | None,
        memory: SelfMemory | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        context = (None, True, by, memory, positions)
        if self.norm_first:
            return states + self.dropout(self.attend(self.attention_norm(states), *context))  # type: ignore[no-any-return]
        return self.attention_norm(states + self.dropout(self.attend(states, *context)))  # type: ignore[no-any-return]
