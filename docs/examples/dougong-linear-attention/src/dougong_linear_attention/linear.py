"""Linear attention: sums over the keys are made once and serve every query."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension; G chunks of C positions; E = D + 1.

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from dougong import register
from dougong.contracts.attention import Attention
from torch import Tensor
from torch.nn import functional

_FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": lambda tensor: functional.elu(tensor) + 1,
    "relu": functional.relu,
    "softplus": functional.softplus,
}


@register("attention", "linear")
class LinearAttention(Attention):
    """Weights are products of features of query and key, so that their sum over all keys costs n, not n².

    Where softmax attention weighs a value by exp(q·k), this weighs it by f(q)·f(k), f being never negative. The sums of
    f(k) v and of f(k) are the same for all queries; causal attention has those of the chunks before, and the products
    within a chunk. Time and memory grow as the length, a head's cost as the square of its dimension.

    Source: Katharopoulos and others, "Transformers are RNNs", 2020, https://arxiv.org/abs/2006.16236.

    Args:
        feature_map: f: elu(x) + 1 as published, relu(x), or softplus(x).
        chunk: positions that causal attention computes at once.
    """

    supports = frozenset({"causal", "cross", "padding"})

    def __init__(
        self, feature_map: Literal["elu", "relu", "softplus"] = "elu", chunk: Annotated[int, Ge(1)] = 64
    ) -> None:
        super().__init__()
        self.feature_map = feature_map
        self.chunk = chunk

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """(B, H, N, D) queries and (B, H, M, D) keys and values to (B, H, N, D)."""
        dtype = query.dtype
        # Sums over thousands of keys need more than 16 bits, whatever autocast thinks.
        computing = torch.promote_types(dtype, torch.float32)
        with torch.autocast(query.device.type, enabled=False):
            features = _FEATURES[self.feature_map]
            queries, keys = features(query.to(computing)), features(key.to(computing))
            if key_padding_mask is not None:
                keys = keys.masked_fill(key_padding_mask[:, None, :, None], 0.0)
            # A column of ones makes the sum of the weights beside the weighted sum of the values.
            values = functional.pad(value.to(computing), (0, 1), value=1.0)
            sums = self._causal(queries, keys, values) if causal else queries @ (keys.transpose(-1, -2) @ values)
            weighted, weights = sums[..., :-1], sums[..., -1:]
            # Where all weights are zero so is their sum with the values: zeros, whose gradients are zeros too.
            return (weighted / weights.masked_fill(weights < torch.finfo(computing).tiny, 1.0)).to(dtype)

    def _causal(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Sums over the keys at or before each query's position: (B, H, N, E)."""
        length = query.shape[-2]
        query, key, value = (self._chunks(tensor, length) for tensor in (query, key, value))
        of_chunks = key.transpose(-1, -2) @ value  # (B, H, G, D, E)
        before = of_chunks.cumsum(2) - of_chunks
        within = (query @ key.transpose(-1, -2)).tril() @ value
        return (query @ before + within).flatten(2, 3)[:, :, :length]

    def _chunks(self, tensor: Tensor, length: int) -> Tensor:
        """(B, H, any length, ...) cut or filled up with zeros to (B, H, G, C, ...): no query sees what is beyond it."""
        groups = -(-length // self.chunk)
        tensor = tensor[:, :, :length]
        filled = functional.pad(tensor, (0, 0, 0, groups * self.chunk - tensor.shape[2]))
        return filled.unflatten(2, (groups, self.chunk))

    def extra_repr(self) -> str:
        """What `print` shows of the settings."""
        return f"feature_map={self.feature_map}, chunk={self.chunk}"
