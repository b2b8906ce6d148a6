"""A pattern as a mask over scaled dot-product attention: the fastest way at short lengths."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from dougong_plugins.attention.kernels.pattern import Pattern


def dense_attention(
    pattern: Pattern,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    key_padding_mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Masked attention, in time and memory that grow as N * M.

    Args:
        query: (B, H, N, D).
        key, value: (B, H, M, D).
        key_padding_mask: (B, M), True where a key is padding.
        dropout: on the normalised weights.

    Returns:
        (B, H, N, D).
    """
    if key_padding_mask is None:
        # Every pattern lets a query see its own position, so no row of the mask is empty here; in cross attention the
        # pattern is full, and key 0 is seen.
        if pattern.rate == 1:
            return scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=causal)
        bias = _bias(pattern, query, key, causal)
        return scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
    seen = ~key_padding_mask[:, None, None]
    if causal or pattern.rate != 1:
        seen = seen & pattern.mask(query.shape[-2], key.shape[-2], causal=causal, device=query.device)
    # Kernels differ in what they make of an empty row: it sees all keys instead, and its output is cut off.
    empty = ~seen.any(-1, keepdim=True)
    output = scaled_dot_product_attention(query, key, value, attn_mask=seen | empty, dropout_p=dropout)
    return output.masked_fill(empty, 0.0)


def _bias(pattern: Pattern, query: Tensor, key: Tensor, causal: bool) -> Tensor:
    """(N, M), 0 or minus infinity."""
    arguments = (pattern, query.shape[-2], key.shape[-2], causal, query.dtype, query.device)
    # A compiled graph makes the mask anew, in one pass; a cache would bind it to one length.
    return _make_bias(*arguments) if torch.compiler.is_compiling() else _cached_bias(*arguments)


def _make_bias(
    pattern: Pattern, query_length: int, key_length: int, causal: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    seen = pattern.mask(query_length, key_length, causal=causal, device=device)
    return torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(~seen, -torch.inf)


_cached_bias = lru_cache(maxsize=4)(_make_bias)
