"""Passages as windows of tokens, with the places of the answers marked."""

# Shapes: B batch, N length of a window.

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from dougong.contracts.task import Batch, Example
from dougong.data.alignment import Aligned, Numbers, windows
from dougong.data.records import SpanQuestion
from dougong_plugins.task.reading.references import TokenSpan, locate

COLUMNS = ("tokens", "shared", "starts", "ends")
"""What there is one of for each token of a window."""


def answer_spans(record: SpanQuestion, aligned: dict[str, Aligned]) -> list[TokenSpan]:
    """Where the answers of a question are in its passages: all places of those of which only the wording is known."""
    spans = []
    for answer in record.answers:
        passage = record.passages[answer.passage]
        for start in _places(passage, answer.text, answer.start):
            tokens = aligned[passage].tokens(start, start + len(answer.text))
            if tokens is not None:
                spans.append(TokenSpan(answer.passage, *tokens))
    return spans


def _places(passage: str, wording: str, start: int) -> Iterator[int]:
    if start >= 0:
        found = locate(passage, wording, start)
        if found is not None:
            yield found
        return
    place = passage.find(wording)
    while wording and place >= 0:
        yield place
        place = passage.find(wording, place + len(wording))


def cut_windows(
    passage: Numbers, shared: Numbers, spans: Sequence[TokenSpan], length: int, overlap: int, end: int
) -> Iterator[Example]:
    """The windows of one passage, each of which ends with the token `end`, so that none is empty.

    An answer is marked in each window that has all of it.
    """
    for window in windows(len(passage), length - 1, overlap):
        piece = slice(window.begin, window.end)
        size = window.end - window.begin
        starts, ends = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
        for span in spans:
            if window.begin <= span.first and span.last < window.end:
                starts[span.first - window.begin] = ends[span.last - window.begin] = 1
        yield {
            "tokens": np.append(passage[piece], end),
            "shared": np.append(shared[piece], 0),
            "starts": starts,
            "ends": ends,
            "offset": window.begin,
            "count": size,
        }


def cropped(batch: Batch, length: int, probability: float) -> Batch:
    """A batch in which some windows are cut to a piece of them, at random.

    As published (kexue.fm/archives/6906): of what is longer than half of `length`, with this probability a piece of
    at least half of it, which begins anywhere. Of answers that are cut in two one mark is left.

    Args:
        length: tokens of a window at most.
    """
    counts, half = batch["count"], (length + 1) // 2
    chosen = (counts > half) & (torch.rand(counts.shape, device=counts.device) < probability)
    begin = _drawn(torch.zeros_like(counts), (counts - half).clamp_min(0))
    end = torch.maximum(_drawn(torch.minimum(begin + half, counts), counts), begin)
    begin, end = torch.where(chosen, begin, 0), torch.where(chosen, end, counts)
    # The token that ends a window stays at the end of what is left of it.
    size = end - begin
    places = torch.arange(int(size.max()) + 1, device=counts.device)
    taken = torch.where(places < size.unsqueeze(1), begin.unsqueeze(1) + places, counts.unsqueeze(1))
    moved = {name: batch[name].gather(1, taken) for name in COLUMNS if name in batch}
    return {**batch, **moved, "count": size, "padding_mask": places > size.unsqueeze(1)}


def _drawn(low: Tensor, high: Tensor) -> Tensor:
    """Whole numbers from `low` to `high`, both included."""
    return low + (torch.rand(low.shape, device=low.device) * (high - low + 1)).long().clamp_max(high - low)
