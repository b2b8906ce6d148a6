"""Attention: say here in one line what this is."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from typing import Annotated

import torch
from annotated_types import Ge
from dougong import register
from dougong.contracts.attention import Attention
from torch import Tensor
from torch.nn import functional


@register("attention", "my_attention")
class MyAttention(Attention):
    """Each position sees the `window` nearest positions on each side.

    The first line above is what `dougong plugins` lists. Say below it what the
    pattern costs, and name its source. The settings are the parameters of
    `__init__`: give each a type, bounds, a default, and a line under Args.

    Args:
        window: the greatest distance that is seen.
    """

    # What it can do; leave out what it can't, and such a choice is refused before
    # training: "causal", "padding", "cross" (keys of another sequence).
    supports = frozenset({"causal", "padding"})

    def __init__(self, window: Annotated[int, Ge(0)] = 16) -> None:
        super().__init__()
        self.window = window

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """(B, H, N, D) queries and (B, H, M, D) keys and values to (B, H, N, D).

        `key_padding_mask` is (B, M), True at padding. A query that sees no key gets
        zeros. This holds all N x M scores: replace it by what your pattern can save.
        """
        shape = query.shape[-2], key.shape[-2]
        seen = self.mask(*shape, causal=causal, device=query.device)
        if key_padding_mask is not None:
            seen = seen & ~key_padding_mask[:, None, None, :]
        empty = ~seen.any(-1, keepdim=True)
        # An empty row sees everything for now: a softmax over nothing would be NaN.
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen | empty
        )
        return mixed.masked_fill(empty, 0.0)

    def mask(
        self,
        query_length: int,
        key_length: int,
        *,
        causal: bool = False,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """(N, M) bool, True where the query sees the key, padding aside.

        The checks compare `forward` with it. Leave the method out where the attention
        equals no masked softmax.
        """
        queries = torch.arange(query_length, device=device)[:, None]
        distance = queries - torch.arange(key_length, device=device)
        seen = distance.abs() <= self.window
        return seen & (distance >= 0) if causal else seen
