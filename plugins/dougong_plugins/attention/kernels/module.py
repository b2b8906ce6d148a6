"""The module that the patterns share."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

import torch
from torch import Tensor

from dougong.contracts.attention import Attention
from dougong_plugins.attention.kernels.choice import BACKENDS, Backend, Rule, announce
from dougong_plugins.attention.kernels.dense import dense_attention
from dougong_plugins.attention.kernels.flex import flex_pattern_attention
from dougong_plugins.attention.kernels.operator import blocked_attention
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.kernels.precision import output_dtype, product_dtype

LONGEST_SHORT_ROW = 512
"""Dense attention over more keys gains from 16 bits on any CPU."""


class PatternAttention(Attention):
    """Softmax attention over a pattern of distances, exact in every backend.

    Args:
        pattern: which distances are seen.
        dropout: share of the normalised weights that is dropped in training.
        backend: "blocked" computes only what the pattern sees, "flex" does so by FlexAttention on CUDA, "dense" masks
            the full matrix; "auto" takes the fastest.
    """

    def __init__(self, pattern: Pattern, dropout: float, backend: Backend) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: must be >= 0 and < 1, got {dropout}")
        if backend not in BACKENDS:
            raise ValueError(f"backend: must be one of {', '.join(BACKENDS)}, got {backend}")
        self.pattern = pattern
        self.dropout = dropout
        self.backend = backend
        self.rule = Rule(pattern)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """As the contract says.

        Raises:
            ValueError: `key` is of another length, which the pattern has no meaning for, or the backend can't do this.
        """
        dtype = output_dtype(query)
        dropout = self.dropout if self.training else 0.0
        backend = self._backend_for(query, key, causal, key_padding_mask is not None, dropout)
        computing = dtype
        # Tiles are converted one by one, so that no whole copy is held until the backward pass. The length is compared
        # last: a compiled graph would be bound to one side of it.
        if backend == "dense" and product_dtype(dtype, query.device) != dtype and key.shape[-2] <= LONGEST_SHORT_ROW:
            computing = product_dtype(dtype, query.device)
        with torch.autocast(query.device.type, enabled=False):
            query, key, value = (tensor.to(computing) for tensor in (query, key, value))
            return self._attend(backend, query, key, value, key_padding_mask, causal, dropout).to(dtype)

    def _attend(
        self,
        backend: Backend,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None,
        causal: bool,
        dropout: float,
    ) -> Tensor:
        announce(type(self).__name__, backend, query.device.type)
        if backend == "flex":
            return flex_pattern_attention(
                self.pattern, query, key, value, key_padding_mask=key_padding_mask, causal=causal
            )
        attend = blocked_attention if backend == "blocked" else dense_attention
        return attend(
            self.pattern, query, key, value, key_padding_mask=key_padding_mask, causal=causal, dropout=dropout
        )

    def mask(
        self, query_length: int, key_length: int, *, causal: bool = False, device: torch.device | str = "cpu"
    ) -> Tensor:
        """(N, M) bool, True where the query sees the key, padding aside."""
        return self.pattern.mask(query_length, key_length, causal=causal, device=device)

    def mask_rows(self, positions: Tensor, length: int) -> Tensor:
        """(..., N, M) bool, rows of the causal mask of a sequence of `length`, without the others."""
        distance = positions[..., None] - torch.arange(length, device=positions.device)
        return self.pattern.sees(distance, length) & (distance >= 0)

    def extra_repr(self) -> str:
        """What `print` shows of the settings."""
        return f"{self.pattern}, dropout={self.dropout}, backend={self.backend}"

    def _backend_for(self, query: Tensor, key: Tensor, causal: bool, padded: bool, dropout: float) -> Backend:
        if query.shape[-2] != key.shape[-2]:
            if "cross" not in self.supports or self.backend in ("blocked", "flex"):
                raise ValueError(
                    f"{query.shape[-2]} queries and {key.shape[-2]} keys: a pattern of distances has no meaning "
                    "between two sequences; use attention=full with backend auto or dense"
                )
            return "dense"
        if torch.compiler.is_exporting():  # a program for any length has one way to compute it, of common operators
            return "dense"
        if self.backend == "flex" and (dropout or query.device.type != "cuda"):
            raise ValueError("backend=flex: FlexAttention has no dropout, and no gradients outside of CUDA; use auto")
        if self.backend == "auto":
            return self.rule.choose(query.device, query.shape[-2], causal, padded, dropout)
        return self.backend
