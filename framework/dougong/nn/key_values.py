"""The keys and values of what was read before, so that a text is continued without reading it anew."""

# Shapes: B batch, H heads, N new tokens, M tokens of the whole text, D head dimension.

import torch
from torch import Tensor
from torch.nn import functional

from dougong.contracts.attention import Attention


class KeyValues:
    """What one layer remembers of texts that grow.

    A new token's attention is one row of the pattern's mask over the keys that are remembered: exact for every
    attention that equals a masked softmax, and linear in the length for each token.

    Args:
        attention: of the layer.
        length: tokens that a text may grow to. A pattern that follows the length is that of a text as long.
    """

    def __init__(self, attention: Attention, length: int) -> None:
        self.attention = attention
        self.length = length
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def attend(self, query: Tensor, key: Tensor, value: Tensor, positions: Tensor) -> Tensor:
        """Remember keys and values, and mix what the queries see of all that is remembered.

        Args:
            query, key, value: (B, H, N, D) of the new tokens.
            positions: (B, N) where they stand.

        Returns:
            (B, H, N, D)
        """
        if self.keys is None or self.values is None:
            shape = (*key.shape[:2], self.length, key.shape[-1])
            self.keys, self.values = key.new_zeros(shape), value.new_zeros(shape)
        rows = torch.arange(len(positions), device=positions.device)[:, None]
        self.keys[rows, :, positions] = key.transpose(1, 2)
        self.values[rows, :, positions] = value.transpose(1, 2)
        used = int(positions.max()) + 1
        mask = self.attention.mask_rows(positions, self.length)
        assert mask is not None, "this attention equals no masked softmax"
        # What is remembered at later positions belongs to padding, and the causal mask hides it.
        seen = mask[:, None, :, :used]
        return functional.scaled_dot_product_attention(
            query, self.keys[:, :, :used], self.values[:, :, :used], attn_mask=seen
        )


def key_values(attentions: list[Attention], length: int) -> list[KeyValues] | None:
    """An empty memory for the layers of these attentions; None where one of them equals no masked softmax."""
    if any(attention.mask(1, 1, causal=True) is None for attention in attentions):
        return None
    return [KeyValues(attention, length) for attention in attentions]
