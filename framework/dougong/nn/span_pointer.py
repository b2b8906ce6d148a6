"""Spans of several types, which may overlap and lie within each other, by where they start and end."""

# Shapes: B batch, N length, D hidden dimension, C types, S spans of the text with most of them, M match dimension.

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dougong.nn.rotary import rotate, turns


class PointerScores(NamedTuple):
    """Logits.

    Args:
        start, end: (B, N, C) whether a span of a type starts, or ends, at a token.
        match: (B, N, N) whether one span, of whatever type, goes from a token to another.
    """

    start: Tensor
    end: Tensor
    match: Tensor


class SpanPointer(nn.Module):
    """A start and an end for each type, and for any two tokens whether a span goes from one to the other.

    The matching tells the spans of one type apart where they overlap, as in arXiv 1910.11476; it is shared by all
    types, so that its size does not depend on their number. It is a product of starts and ends that are turned by
    their positions, and so knows how far apart they are (arXiv 2208.03054).

    Args:
        dim: of the states.
        types: how many types there are.
        match_dim: numbers by which starts and ends are matched, an even number.
    """

    def __init__(self, dim: int, types: int, match_dim: int = 64) -> None:
        super().__init__()
        self.types = types
        self.boundaries = nn.Linear(dim, 2 * types)
        self.match = nn.Linear(dim, 2 * match_dim)
        nn.init.normal_(self.boundaries.weight, std=0.02)
        # Starts and ends that are both near zero would hardly learn from their product.
        nn.init.xavier_uniform_(self.match.weight)
        nn.init.zeros_(self.match.bias)
        # Few tokens are boundaries: to begin by saying so spares the first updates.
        nn.init.constant_(self.boundaries.bias, -3.0)

    def forward(self, states: Tensor) -> PointerScores:
        """(B, N, D) states to scores, in float32 at least."""
        start, end = _widened(self.boundaries(states)).chunk(2, -1)
        query, key = self.match(states).chunk(2, -1)
        by = turns(torch.arange(states.size(1), device=states.device), query.size(-1), query.dtype)
        match = _widened(rotate(query, by) @ rotate(key, by).transpose(1, 2)) / math.sqrt(query.size(-1))
        return PointerScores(start, end, match)

    def loss(self, scores: PointerScores, spans: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Cross entropy of starts, ends and matches, summed over the batch.

        Args:
            spans: (B, S, 3) the true spans: the type's number, the first token and the last; -1 where there is none.
            padding_mask: (B, N), True at padding.
        """
        start, end, match = (torch.zeros_like(item) for item in scores)
        number, slot = (spans[..., 0] >= 0).nonzero(as_tuple=True)
        kind, first, last = spans[number, slot].long().unbind(-1)
        start[number, first, kind] = end[number, last, kind] = match[number, first, last] = 1.0
        kept = torch.ones(start.shape[:2], dtype=torch.bool, device=start.device)
        if padding_mask is not None:
            kept = ~padding_mask
        # Matches matter, and are learnt, between tokens that are boundaries or are taken for ones.
        starts = ((start > 0) | (scores.start.detach() > 0)).any(-1) & kept
        ends = ((end > 0) | (scores.end.detach() > 0)).any(-1) & kept
        asked = _forward_pairs(starts, ends)
        return (
            _multilabel(scores.start[kept], start[kept])
            + _multilabel(scores.end[kept], end[kept])
            + functional.binary_cross_entropy_with_logits(scores.match[asked], match[asked], reduction="sum")
        )

    def decode(self, scores: PointerScores, padding_mask: Tensor | None = None) -> list[list[tuple[int, int, int]]]:
        """The spans that start, end and match say there are.

        Returns:
            For each text its spans in order: the type's number, the first token and the last, both included.
        """
        starts, ends = scores.start > 0, scores.end > 0
        if padding_mask is not None:
            starts, ends = (item & ~padding_mask[..., None] for item in (starts, ends))
        pairs = _forward_pairs(starts.any(-1), ends.any(-1)) & (scores.match > 0)
        number, first, last = pairs.nonzero(as_tuple=True)
        place, kind = (starts[number, first] & ends[number, last]).nonzero(as_tuple=True)
        found: list[list[tuple[int, int, int]]] = [[] for _ in range(len(scores.start))]
        rows = torch.stack([number[place], kind, first[place], last[place]], 1)
        for text, *span in rows.tolist():
            found[text].append((span[0], span[1], span[2]))
        return found


def _forward_pairs(starts: Tensor, ends: Tensor) -> Tensor:
    """(B, N) of starts and of ends to (B, N, N), True from each start to each end at or after it."""
    return (starts[:, :, None] & ends[:, None, :]).triu()


def _multilabel(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy where any number of the classes of a row may be right, summed: each of them is to be above 0 and
    above all others, which are to be below 0 (https://kexue.fm/archives/7359)."""
    right = targets > 0
    zero = logits.new_zeros(len(logits), 1)
    others = torch.cat([logits.masked_fill(right, -torch.inf), zero], 1).logsumexp(1)
    wanted = torch.cat([(-logits).masked_fill(~right, -torch.inf), zero], 1).logsumexp(1)
    return (others + wanted).sum()


def _widened(scores: Tensor) -> Tensor:
    return scores if scores.dtype == torch.float64 else scores.float()
