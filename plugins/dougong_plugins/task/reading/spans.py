"""The best spans of windows, and of the passages that the windows are of."""

# Shapes: B batch, N length, L longest answer, K spans that are kept.

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Scored(NamedTuple):
    """Tokens `first` to `last`, both included, of a passage, and the logarithm of their probability."""

    score: float
    passage: int
    first: int
    last: int


def best_spans(starts: Tensor, ends: Tensor, longest: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The spans of most `starts[first] + ends[last]` in each row, exactly: all pairs are compared.

    Args:
        starts, ends: (B, N) scores, minus infinity where no answer can begin or end.
        longest: tokens of an answer at most.
        count: how many spans to keep.

    Returns:
        (B, K) scores, first and last places, best first; K is `count`, or fewer where there are not as many pairs.
    """
    longest = min(longest, starts.size(1))
    reach = functional.pad(ends, (0, longest - 1), value=-torch.inf).unfold(1, longest, 1)  # (B, N, L)
    pairs = (starts.unsqueeze(-1) + reach).flatten(1)
    scores, places = pairs.topk(min(count, pairs.size(1)))
    first = places // longest
    return scores, first, first + places % longest


def merge(windows: Iterable[Iterable[Scored]], count: int) -> list[Scored]:
    """The best spans of several windows. What two windows found is one span, with the better of its scores."""
    best: dict[tuple[int, int, int], Scored] = {}
    for spans in windows:
        for span in spans:
            place = (span.passage, span.first, span.last)
            if place not in best or span.score > best[place].score:
                best[place] = span
    return sorted(best.values(), key=lambda span: -span.score)[:count]
