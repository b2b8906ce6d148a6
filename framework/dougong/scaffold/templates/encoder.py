"""Encoder: say here in one line what this is."""

# Shapes: B batch, N length, D hidden dimension.

from typing import Annotated, Any

from annotated_types import Ge
from dougong import register
from dougong.contracts.embedding import Embedding, Inputs
from dougong.contracts.encoder import Encoder
from torch import Tensor, nn


@register("encoder", "my_encoder")
class MyEncoder(Encoder):
    """Layers of convolutions, each token seeing `reach` neighbours on each side.

    The first line above is what `dougong plugins` lists. Name the source below it.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args. A parameter whose type is a kind is a slot: here
    `embedding`; `attention: PerLayer[Attention]` would be filled once a layer.

    Args:
        layers: how many.
        reach: how far a layer looks.
    """

    # What it asks of an attention, if it has one ("padding", "causal", "cross"), and
    # what it can do itself: "causal", to keep a token from those after it, and
    # "vectors", to begin with vectors that a task made in place of tokens.
    needs = frozenset()
    supports = frozenset({"vectors"})

    def __init__(
        self,
        embedding: Embedding,
        layers: Annotated[int, Ge(1)] = 3,
        reach: Annotated[int, Ge(1)] = 2,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        # Tasks read these four.
        self.tokenizer = embedding.tokenizer
        self.dim = embedding.dim
        self.max_length = embedding.max_length
        width = 2 * reach + 1
        self.layers = nn.ModuleList(
            nn.Conv1d(self.dim, self.dim, width, padding=reach) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(self.dim) for _ in range(layers))

    def forward(
        self, inputs: Inputs, causal: bool = False, memory: Any = None
    ) -> Tensor:
        """(B, N) tokens to (B, N, D) states that know their neighbours.

        A token's state must not depend on padding, nor on the rest of the batch.
        `causal` and `memory` are for encoders that support "causal".
        """
        states = self.embedded(inputs)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            seen = norm(states)
            if inputs.padding_mask is not None:
                # Zeros are also what a convolution sees beyond the end of a text.
                seen = seen.masked_fill(inputs.padding_mask[..., None], 0.0)
            mixed = layer(seen.transpose(1, 2)).transpose(1, 2)
            states = states + nn.functional.gelu(mixed)
        return states
