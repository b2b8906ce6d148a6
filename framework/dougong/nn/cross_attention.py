"""Attention to another sequence."""

# Shapes: B batch, N queries, M keys, H heads, D hidden dimension.

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dougong.nn.few_queries import attend


class Sight(NamedTuple):
    """What is looked at.

    Args:
        keys, values: (B, H, M, D / H).
        mask: (B or 1, 1, N or 1, M), True where a query sees the key; None where it sees all.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor | None = None

    def rows(self, numbers: Tensor) -> "Sight":
        """That of some texts, in this order."""
        keys, values, mask = self
        return Sight(keys[numbers], values[numbers], None if mask is None else mask[numbers])


class CrossAttention(nn.Module):
    """Multi-head attention (arXiv 1706.03762, section 3.2.2) whose keys and values come from another sequence.

    Args:
        dim: of the states, of both sequences.
        heads: they share `dim` evenly.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project_query = nn.Linear(dim, dim)
        self.project_seen = nn.Linear(dim, 2 * dim)
        self.project_out = nn.Linear(dim, dim)

    def sight(self, states: Tensor, padding_mask: Tensor | None = None) -> Sight:
        """(B, M, D) states to what `forward` looks at; they are projected once, however often that is.

        Args:
            padding_mask: (B, M), True at what nobody sees.
        """
        keys, values = self._split(self.project_seen(states), 2)
        if not torch.is_grad_enabled():  # then they are read again for every token that is written
            keys, values = keys.contiguous(), values.contiguous()
        return Sight(keys, values, None if padding_mask is None else ~padding_mask[:, None, None])

    def forward(self, states: Tensor, sight: Sight) -> Tensor:
        """(B, N, D) states to (B, N, D)."""
        (query,) = self._split(self.project_query(states), 1)
        return self.leave(attend(query, *sight))

    def queries(self, states: Tensor) -> Tensor:
        """(B, N, D) states to (B, H, N, D / H)."""
        return self._split(self.project_query(states), 1)[0]

    def leave(self, mixed: Tensor) -> Tensor:
        """(B, H, N, D / H) to (B, N, D)."""
        return self.project_out(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def weights(self, states: Tensor, sight: Sight) -> Tensor:
        """How much (B, N, D) states look at each of what is seen, the mean over the heads: (B, N, M)."""
        scores = self.queries(states) @ sight.keys.transpose(-1, -2) / sight.keys.size(-1) ** 0.5
        if sight.mask is not None:
            scores = scores.masked_fill(~sight.mask, -torch.inf)
        looks: Tensor = scores.softmax(-1).mean(1)
        return looks

    def _split(self, projected: Tensor, parts: int) -> tuple[Tensor, ...]:
        batch, length, width = projected.shape
        split = projected.view(batch, length, parts, self.heads, width // parts // self.heads)
        return tuple(split.permute(2, 0, 3, 1, 4))
