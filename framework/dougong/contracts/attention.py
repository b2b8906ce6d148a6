"""The contract of an attention plugin."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, device, nn


class Attention(nn.Module):
    """Mixes values by the similarity of projected queries and keys.

    `supports` names what the pattern can do: "causal" (a query may be kept from later keys), "cross" (keys may come
    from another sequence) and "padding" (keys may be masked out). What it does not name is refused before training.
    """

    supports: ClassVar[frozenset[str]] = frozenset({"causal", "cross", "padding"})

    @abstractmethod
    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Mix `value` by the similarity of `query` and `key`.

        Args:
            query: (B, H, N, D).
            key: (B, H, M, D).
            value: (B, H, M, D).
            key_padding_mask: (B, M), True where a key is padding.
            causal: whether a query sees only keys at or before its own position.

        Returns:
            (B, H, N, D). A query that sees no key gets zeros.
        """

    def mask(
        self, query_length: int, key_length: int, *, causal: bool = False, device: device | str = "cpu"
    ) -> Tensor | None:
        """The dense mask that this pattern equals, or None where it equals no masked softmax attention.

        Returns:
            (N, M) bool, True where the query sees the key, padding aside.
        """
        return None

    def mask_rows(self, positions: Tensor, length: int) -> Tensor | None:
        """Rows of the causal mask of a whole sequence: what single queries of it see.

        Args:
            positions: (..., N) of the queries.
            length: of the sequence.

        Returns:
            (..., N, M) bool for M = `length` keys, or None where `mask` is None.
        """
        mask = self.mask(length, length, causal=True, device=positions.device)
        return None if mask is None else mask[positions]
