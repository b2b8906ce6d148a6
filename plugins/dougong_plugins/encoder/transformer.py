"""Encoder: a stack of self-attention and feed-forward layers."""

# Shapes: B batch, N length, D hidden dimension, H heads.

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.attention import Attention
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.encoder import Encoder, HuggingFaceModel
from dougong.nn.dropout import Dropout
from dougong.nn.key_values import KeyValues, key_values
from dougong.nn.paths import SelfMemory
from dougong.nn.rotary import Turns, rotate, turns
from dougong.registry.types import PerLayer
from dougong_plugins.encoder.pretrained.export import as_hugging_face
from dougong_plugins.encoder.pretrained.weights import load_pretrained

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "relu": nn.ReLU,
}


@register("encoder", "transformer")
class TransformerEncoder(Encoder):
    """Self-attention and feed-forward layers (arXiv 1706.03762); several attentions are cycled over the layers.

    Args:
        layers: how many.
        dim: numbers a token; null for as many as the embedding gives.
        heads: attention heads; they share `dim` evenly.
        feedforward_dim: width of the feed-forward layers; null for four times `dim`.
        norm: layer normalisation before each part (arXiv 2002.04745), or after it, as published.
        norm_eps: what layer normalisation adds to the variance.
        activation: of the feed-forward layers; gelu_tanh is its older approximation.
        share_layers: whether all layers have the weights of one (ALBERT, arXiv 1909.11942); attentions stay their own.
        pooling: one vector a text: the state of the first token; that through a layer and tanh (BERT's pooler); or the
            mean of all.
        rotary: turn queries and keys by their positions (arXiv 2104.09864), so that attention knows distances; it goes
            best with `embedding.positions=none`.
        dropout: probability that a number is zeroed in training.
        pretrained: start with these weights: a folder in the format of Hugging Face (BERT or ALBERT), the name of such
            a model on its hub, or a checkpoint of Dougong's, of which the encoder is taken. Settings that shape the
            weights, and the tokenizer, come with them where they are not given.
    """

    needs = frozenset({"padding"})
    supports = frozenset({"causal", "vectors"})
    completion = "dougong_plugins.encoder.pretrained.completion:complete"

    def __init__(
        self,
        embedding: Embedding,
        attention: PerLayer[Attention],
        layers: Annotated[int, Ge(1)] = 4,
        dim: Annotated[int, Ge(1)] | None = None,
        heads: Annotated[int, Ge(1)] = 4,
        feedforward_dim: Annotated[int, Ge(1)] | None = None,
        norm: Literal["pre", "post"] = "pre",
        norm_eps: Annotated[float, Gt(0)] = 1e-5,
        activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu",
        share_layers: bool = False,
        pooling: Literal["cls", "pooler", "mean"] = "mean",
        rotary: bool = False,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        dim = dim or embedding.dim
        if dim % heads:
            raise ValueError(f"heads: must divide the dimension {dim}, got {heads}.")
        self.embedding = embedding
        self.tokenizer, self.dim, self.max_length = embedding.tokenizer, dim, embedding.max_length
        self.pooling, self.pretrained, self.activation = pooling, pretrained, activation
        self.widen = nn.Linear(embedding.dim, dim) if dim != embedding.dim else nn.Identity()
        self.enter = nn.LayerNorm(dim, norm_eps) if norm == "post" and not embedding.normalised else nn.Identity()
        if rotary and dim // heads % 2:
            raise ValueError(f"rotary: needs an even number of numbers a head, got {dim} / {heads}.")
        self.turned = dim // heads if rotary else None
        self.share_layers = share_layers
        self.layers = nn.ModuleList()
        for number in range(layers):
            width = feedforward_dim or 4 * dim
            layer = TransformerLayer(attention(number), dim, heads, width, norm == "pre", activation, dropout, norm_eps)
            if share_layers and number:
                layer.share(self.layers[0])  # type: ignore[arg-type]
            self.layers.append(layer)
        self.leave = nn.LayerNorm(dim, norm_eps) if norm == "pre" else nn.Identity()
        self.pooler: nn.Linear | None = nn.Linear(dim, dim) if pooling == "pooler" else None
        self.apply(initialise)

    def load_pretrained(self) -> list[str]:
        """Take the weights that `pretrained` names."""
        return load_pretrained(self, self.pretrained) if self.pretrained is not None else []

    def hugging_face(self) -> HuggingFaceModel:
        """BERT, or ALBERT where the embedding is narrower."""
        return as_hugging_face(self)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """As many layers as it takes to alternate two attentions."""
        return {"layers": 2}

    def forward(self, inputs: Inputs, causal: bool = False, memory: list[KeyValues] | None = None) -> Tensor:
        """(B, N) tokens to (B, N, D) states."""
        states: Tensor = self.enter(self.widen(self.embedded(inputs)))
        by = self._turns(inputs, states.dtype)
        for number, layer in enumerate(self.layers):
            if memory is None:
                states = layer(states, inputs.padding_mask, causal, by)
            else:
                states = layer(states, None, True, by, memory[number], inputs.positions)
        left: Tensor = self.leave(states)
        return left

    def _turns(self, inputs: Inputs, dtype: torch.dtype) -> Turns | None:
        if self.turned is None:
            return None
        positions = inputs.positions
        if positions is None:
            positions = torch.arange(inputs.tokens.size(1), device=inputs.tokens.device)
        return turns(positions, self.turned, dtype)

    def memory(self, length: int) -> list[KeyValues] | None:
        """Keys and values of each layer, where every attention equals a masked softmax."""
        return key_values([layer.attention for layer in self.layers], length)  # type: ignore[misc]

    def pool(self, states: Tensor, padding_mask: Tensor | None) -> Tensor:
        """(B, N, D) states to (B, D): of the first, or the mean of those that are not padding."""
        if self.pooler is not None:
            pooled: Tensor = self.pooler(states[:, 0])
            return pooled.tanh()
        return states[:, 0] if self.pooling == "cls" else super().pool(states, padding_mask)


class TransformerLayer(nn.Module):
    """One layer: self-attention, then a feed-forward network, each with a residual connection."""

    def __init__(
        self,
        attention: Attention,
        dim: int,
        heads: int,
        feedforward_dim: int,
        norm_first: bool,
        activation: str,
        dropout: float,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.heads = heads
        self.norm_first = norm_first
        self.project_in = nn.Linear(dim, 3 * dim)
        self.project_out = nn.Linear(dim, dim)
        self.feedforward = nn.Sequential(
            nn.Linear(dim, feedforward_dim), _ACTIVATIONS[activation](), nn.Linear(feedforward_dim, dim)
        )
        self.attention_norm, self.feedforward_norm = nn.LayerNorm(dim, norm_eps), nn.LayerNorm(dim, norm_eps)
        self.dropout = Dropout(dropout)

    def share(self, other: "TransformerLayer") -> None:
        """Have the weights of another layer, all but those of its attention."""
        for name in ("project_in", "project_out", "feedforward", "attention_norm", "feedforward_norm"):
            setattr(self, name, getattr(other, name))

    def forward(
        self,
        states: Tensor,
        padding_mask: Tensor | None,
        causal: bool,
        by: Turns | None = None,
        memory: KeyValues | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """(B, N, D) to (B, N, D); with a memory, the states are those of tokens that go on at `positions`.

        Args:
            by: how far queries and keys are turned.
        """
        context = (padding_mask, causal, by, memory, positions)
        if self.norm_first:
            states = states + self.dropout(self.attend(self.attention_norm(states), *context))
            return states + self.dropout(self.feedforward(self.feedforward_norm(states)))  # type: ignore[no-any-return]
        states = self.attention_norm(states + self.dropout(self.attend(states, *context)))
        return self.feedforward_norm(states + self.dropout(self.feedforward(states)))  # type: ignore[no-any-return]

    def attend(
        self,
        states: Tensor,
        padding_mask: Tensor | None,
        causal: bool,
        by: Turns | None = None,
        memory: KeyValues | SelfMemory | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        batch, length, dim = states.shape
        projected = self.project_in(states).view(batch, length, 3, self.heads, dim // self.heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, H, N, D / H)
        if by is not None:
            query, key = rotate(query, by), rotate(key, by)
        if memory is not None:
            assert positions is not None
            mixed = memory.attend(query, key, value, positions)
        else:
            mixed = self.attention(query, key, value, key_padding_mask=padding_mask, causal=causal)
        return self.project_out(mixed.transpose(1, 2).reshape(batch, length, dim))  # type: ignore[no-any-return]


def initialise(module: nn.Module) -> None:
    """The weights of a linear layer as in BERT, its bias zero."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
