"""Decoder: say here in one line what this is."""

# Shapes: B batch, N target length, M source length, D hidden dimension.

from typing import Annotated

from annotated_types import Ge
from dougong import register
from dougong.contracts.decoder import Decoder, Source, embedded
from dougong.contracts.embedding import Embedding
from dougong.nn.cross_attention import CrossAttention
from torch import Tensor, nn


@register("decoder", "my_decoder")
class MyDecoder(Decoder):
    """Convolutions over what is written so far, then attention to the source.

    The first line above is what `dougong plugins` lists. Name the source below it.
    The settings are the parameters of `__init__`: give each a type, bounds, a
    default, and a line under Args. A parameter whose type is a kind is a slot: here
    `embedding`; `decoder_attention: PerLayer[Attention]` would be filled once a layer.

    Args:
        layers: how many.
        reach: how many earlier tokens a layer sees.
    """

    # What it asks of an attention, if it has one ("causal", say).
    needs = frozenset()

    def __init__(
        self,
        embedding: Embedding,
        layers: Annotated[int, Ge(1)] = 2,
        reach: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__()
        # Tasks read these two.
        self.embedding = embedding
        self.dim = embedding.dim
        self.reach = reach
        self.layers = nn.ModuleList(
            nn.Conv1d(self.dim, self.dim, reach + 1) for _ in range(layers)
        )
        self.cross = CrossAttention(self.dim, heads=1)

    def forward(self, tokens: Tensor, source: Source) -> Tensor:
        """(B, N) tokens to (B, N, D) states that know those before, and the source.

        With `begin` and `step` of its own a decoder writes faster; without, it reads
        all that is written again for each new token.
        """
        own = self._own(tokens)
        looked: Tensor = self.cross(own, self.cross.sight(*source))
        return own + looked

    def looks(self, tokens: Tensor, source: Source) -> Tensor:
        """How much each state looks at each token of the source: (B, N, M)."""
        return self.cross.weights(self._own(tokens), self.cross.sight(*source))

    def _own(self, tokens: Tensor) -> Tensor:
        states: Tensor = embedded(self.embedding, tokens)
        for layer in self.layers:
            seen = nn.functional.pad(states.transpose(1, 2), (self.reach, 0))
            states = states + nn.functional.gelu(layer(seen)).transpose(1, 2)
        return states
