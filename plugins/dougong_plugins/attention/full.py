"""Attention: every position sees every other."""

from torch import Tensor
from torch.nn import functional

from dougong import register
from dougong.contracts.attention import Attention


@register("attention", "full")
class FullAttention(Attention):
    """Every position sees every other: PyTorch's scaled dot-product attention."""

    supports = frozenset({"causal", "cross", "padding"})

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attend."""
        mask = None if key_padding_mask is None else ~key_padding_mask[:, None, None, :]
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
