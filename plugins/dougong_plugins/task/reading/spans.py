"""The best spans of windows, and of the passages that the windows are of."""

# Shapes: B batch, N length, K spans.

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from dougong_plugins.task.reading.pointers import Pointed

BEAM = 24
"""Starts that are followed, beyond the spans that are asked for."""


class Scored(NamedTuple):
    """Tokens `first` to `last`, both included, of a passage, and the logarithm of their probability."""

    score: float
    passage: int
    first: int
    last: int


def best_spans(pointed: Pointed, longest: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest spans of each row, of all that begin at one of its likeliest starts.

    A span is no likelier than its start, so that these are the best of all wherever what is left out begins less
    likely than they are.

    Args:
        longest: tokens of an answer at most.
        count: how many spans to keep.

    Returns:
        (B, K) scores, first and last places, best first; the score is minus infinity where there are not as many.
    """
    starts = pointed.start_log_probabilities()
    starts = torch.cat([torch.full_like(starts[:, :1], -torch.inf), starts[:, 1:]], 1)  # the first stands for none
    likely, first = starts.topk(min(BEAM + count, starts.size(1)))
    ends = pointed.end_log_probabilities(first)
    places = torch.arange(starts.size(1), device=starts.device)
    ends = ends.masked_fill(places >= first.unsqueeze(-1) + longest, -torch.inf)
    pairs = likely.unsqueeze(-1) + ends.nan_to_num(-torch.inf, neginf=-torch.inf)
    scores, chosen = pairs.flatten(1).topk(min(count, pairs[0].numel()))
    return scores, first.gather(1, chosen // starts.size(1)), chosen % starts.size(1)


def merge(windows: Iterable[Iterable[Scored]], count: int) -> list[Scored]:
    """The best spans of several windows. What two windows found is one span, with the better of its scores."""
    best: dict[tuple[int, int, int], Scored] = {}
    for spans in windows:
        for span in spans:
            place = (span.passage, span.first, span.last)
            if place not in best or span.score > best[place].score:
                best[place] = span
    return sorted(best.values(), key=lambda span: -span.score)[:count]
