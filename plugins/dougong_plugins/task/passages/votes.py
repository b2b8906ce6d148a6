"""Candidates of windows, and the votes of passages for them."""

# Shapes: B batch, N length, K candidates.

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from dougong_plugins.task.passages.network import Marks

KEPT = 64
"""Candidates of a window: a model that has learnt nothing would name thousands."""


class Candidate(NamedTuple):
    """Tokens `first` to `last`, both included, of a passage, and the probabilities of start and end multiplied."""

    score: float
    passage: int
    first: int
    last: int


@dataclass(frozen=True)
class Place:
    """Where a passage has an answer: its characters [start, end), and the score of it there."""

    passage: int
    start: int
    end: int
    score: float


def candidates(marks: Marks, counts: Tensor, longest: int, threshold: float) -> list[list[tuple[float, int, int]]]:
    """Of each window (score, first, last) of the spans whose start and end are both likelier than the threshold.

    Args:
        counts: (B,) tokens that may be of an answer.
        longest: tokens of an answer at most.
    """
    length = marks.starts.size(1)
    outside = torch.arange(length, device=counts.device) >= counts.unsqueeze(1)
    starts = marks.starts.exp().masked_fill(outside, 0.0)
    ends = functional.pad(marks.ends.exp().masked_fill(outside, 0.0), (0, longest - 1)).unfold(1, longest, 1)
    likely = (starts.unsqueeze(-1) > threshold) & (ends > threshold)
    products = (starts.unsqueeze(-1) * ends).masked_fill(~likely, 0.0).flatten(1)  # (B, N x longest)
    scores, chosen = products.topk(min(KEPT, products.size(1)))
    rows = zip(scores.tolist(), (chosen // longest).tolist(), (chosen % longest).tolist(), strict=True)
    return [
        [(score, first, first + more) for score, first, more in zip(*row, strict=True) if score > 0] for row in rows
    ]


def vote(scores: Iterable[float]) -> float:
    """What passages say together: the sum of s^2 over 1 plus the sum of s (kexue.fm/archives/6906).

    One passage that is sure counts for more than several that are not, and each that agrees adds to it.
    """
    values = list(scores)
    return sum(score**2 for score in values) / (1.0 + sum(values))


def ballot(found: Mapping[str, Iterable[Place]]) -> list[tuple[float, str, list[Place]]]:
    """(vote, wording, the best place of it in each passage), the best wording first."""
    counted = []
    for text, places in found.items():
        best: dict[int, Place] = {}
        for place in places:
            if place.passage not in best or place.score > best[place.passage].score:
                best[place.passage] = place
        supporting = sorted(best.values(), key=lambda place: (-place.score, place.passage))
        counted.append((vote(place.score for place in supporting), text, supporting))
    return sorted(counted, key=lambda item: (-item[0], item[1]))


def answers_of(
    spans: Iterable[Candidate], passages: Iterable[str], characters: Mapping[int, Any], count: int, support: bool
) -> list[dict[str, Any]]:
    """The best answers, as plain values.

    Args:
        characters: of each passage that has candidates, its tokens as `Aligned`.
        count: how many at most.
        support: whether to say which passages have them.
    """
    texts = list(passages)
    found: dict[str, list[Place]] = defaultdict(list)
    for span in spans:
        start, end = characters[span.passage].characters(span.first, span.last)
        found[texts[span.passage][start:end]].append(Place(span.passage, start, end, span.score))
    answers = []
    for score, text, places in ballot(found)[:count]:
        first = places[0]
        answer = {"text": text, "start": first.start, "end": first.end, "passage": first.passage}
        answer["score"] = round(score, 6)
        if support:
            answer["support"] = [
                {"passage": item.passage, "start": item.start, "end": item.end, "score": round(item.score, 6)}
                for item in places
            ]
        answers.append(answer)
    return answers
