"""Encoder: a stack of dilated gated convolutions."""

# Shapes: B batch, N length, D hidden dimension.

from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.encoder import Encoder
from dougong.nn.additive_pooling import AdditivePooling
from dougong.nn.gated_convolution import GatedConvolutions


@register("encoder", "dgcnn")
class DgcnnEncoder(Encoder):
    """Dilated gated convolutions, pooled by additive attention (kexue.fm/archives/5409 and 6906).

    Each is a gate between its input and a convolution of it, and so a residual connection. It takes half as many
    multiplications as a transformer layer of equal width at 256 tokens, and its cost grows as the length does. A state
    knows what is within (width - 1) / 2 times the sum of the dilations; it knows order without learned positions.

    Args:
        dilations: of each layer; as many layers.
        width: how many states a convolution sees; odd.
        dim: numbers a token; null for as many as the embedding gives.
        pooling: one vector a text: a mean weighted by additive attention, or the plain mean.
        gate_dropout: probability that what a gate is the sigmoid of is zeroed in training.
    """

    supports = frozenset({"causal", "vectors"})

    def __init__(
        self,
        embedding: Embedding,
        dilations: tuple[Annotated[int, Ge(1)], ...] = (1, 2, 4, 8, 16, 1),
        width: Annotated[int, Ge(1)] = 3,
        dim: Annotated[int, Ge(1)] | None = None,
        pooling: Literal["attention", "mean"] = "attention",
        gate_dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        if width % 2 == 0:
            raise ValueError(f"width: must be odd, got {width}.")
        if not dilations:
            raise ValueError("dilations: must name one layer at least, as [1,2,4].")
        dim = dim or embedding.dim
        self.embedding = embedding
        self.tokenizer, self.dim, self.max_length = embedding.tokenizer, dim, embedding.max_length
        self.widen = nn.Linear(embedding.dim, dim, bias=False) if dim != embedding.dim else nn.Identity()
        self.convolutions = GatedConvolutions(dim, dilations, width, gate_dropout)
        self.pooling = AdditivePooling(dim) if pooling == "attention" else None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Few layers, of which one reaches beyond its neighbours."""
        return {"dilations": (1, 2)}

    def forward(self, inputs: Inputs, causal: bool = False, memory: None = None) -> Tensor:
        """(B, N) tokens to (B, N, D) states."""
        states: Tensor = self.convolutions(self.widen(self.embedded(inputs)), inputs.padding_mask, causal)
        return states

    def pool(self, states: Tensor, padding_mask: Tensor | None) -> Tensor:
        """(B, N, D) states to (B, D)."""
        if self.pooling is None:
            return super().pool(states, padding_mask)
        pooled: Tensor = self.pooling(states, padding_mask)
        return pooled
