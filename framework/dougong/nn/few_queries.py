"""Attention of a few queries to many keys."""

# Shapes: B batch, H heads, N queries, M keys, D head dimension.

import torch
from torch import Tensor
from torch.nn import functional

FEW = 16
"""Up to so many queries, and in float32, PyTorch's fused kernel takes longer on a CPU than the products one by one.

In 16 bits the products would copy the keys first.
"""


def attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention, by whichever way is faster here.

    Args:
        query: (B, H, N, D).
        keys, values: (B, H, M, D).
        mask: True where a query sees a key, of a shape that can be expanded to (B, H, N, M); None where it sees all.

    Returns:
        (B, H, N, D)
    """
    plain = query.size(2) <= FEW and query.dtype == torch.float32 and query.device.type == "cpu"
    if not plain or torch.is_grad_enabled():
        return functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
    scores = query * query.size(-1) ** -0.5 @ keys.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    mixed: Tensor = scores.softmax(-1) @ values
    return mixed
