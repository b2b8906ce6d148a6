"""What finds spans in the states of a text: tags, chained or each by itself, or pointers."""

# Shapes: B batch, N length, D hidden dimension, T tags, S spans of the text with most of them.

from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from dougong.data.tag_scheme import TagSet, TypedSpan
from dougong.nn.crf import CRF
from dougong.nn.span_pointer import PointerScores, SpanPointer

Decoder = Literal["crf", "softmax", "pointer"]


class Head(Protocol):
    """Scores of (B, N, D) states, their loss as a sum over tokens, and the spans that they say there are.

    `tags` are the (B, N) true tags, `spans` the (B, S, 3) true spans (type, first and last token; -1 for none), and
    `padding_mask` is (B, N), True at padding, or None.
    """

    def __call__(self, states: Tensor) -> Any:
        """Score."""

    def loss(self, scores: Any, tags: Tensor, spans: Tensor, padding_mask: Tensor | None) -> Tensor:
        """A scalar."""

    def spans(self, scores: Any, padding_mask: Tensor | None) -> list[list[TypedSpan]]:
        """Of each text."""


class TagHead(nn.Module):
    """A tag for each token, the most probable one by itself."""

    def __init__(self, dim: int, tags: TagSet) -> None:
        super().__init__()
        self.tags = tags
        self.emit = nn.Linear(dim, len(tags))
        nn.init.normal_(self.emit.weight, std=0.02)
        nn.init.zeros_(self.emit.bias)

    def forward(self, states: Tensor) -> Tensor:
        """(B, N, D) to (B, N, T)."""
        emissions: Tensor = self.emit(states)
        return emissions if emissions.dtype == torch.float64 else emissions.float()

    def loss(self, scores: Tensor, tags: Tensor, spans: Tensor, padding_mask: Tensor | None) -> Tensor:
        """Cross entropy."""
        kept = torch.ones_like(tags, dtype=torch.bool) if padding_mask is None else ~padding_mask
        return functional.cross_entropy(scores[kept], tags[kept].long(), reduction="sum")

    def spans(self, scores: Tensor, padding_mask: Tensor | None) -> list[list[TypedSpan]]:
        """Whole spans alone."""
        numbers = self.best(scores, padding_mask)
        lengths = [scores.size(1)] * len(scores) if padding_mask is None else (~padding_mask).sum(1).tolist()
        return [self.tags.decode(row[:length]) for row, length in zip(numbers.tolist(), lengths, strict=True)]

    def best(self, scores: Tensor, padding_mask: Tensor | None) -> Tensor:
        """(B, N) tags."""
        return scores.argmax(-1)


class ChainHead(TagHead):
    """Tags chained by a conditional random field, in which spans are whole."""

    def __init__(self, dim: int, tags: TagSet) -> None:
        super().__init__(dim, tags)
        self.crf = CRF(len(tags), *(torch.from_numpy(mask) for mask in tags.allowed()))

    def loss(self, scores: Tensor, tags: Tensor, spans: Tensor, padding_mask: Tensor | None) -> Tensor:
        """Negative log-likelihood of the whole sequences."""
        likelihood: Tensor = self.crf(scores, tags, padding_mask)
        return -likelihood.sum()

    def best(self, scores: Tensor, padding_mask: Tensor | None) -> Tensor:
        """(B, N) tags, the most probable together."""
        return self.crf.decode(scores, padding_mask)


class PointerHead(nn.Module):
    """Starts and ends of each type, for spans that overlap."""

    def __init__(self, dim: int, types: list[str]) -> None:
        super().__init__()
        self.types = types
        self.pointer = SpanPointer(dim, len(types))

    def forward(self, states: Tensor) -> PointerScores:
        """(B, N, D) to scores."""
        scores: PointerScores = self.pointer(states)
        return scores

    def loss(self, scores: PointerScores, tags: Tensor, spans: Tensor, padding_mask: Tensor | None) -> Tensor:
        """Cross entropy of starts, ends and their matches."""
        return self.pointer.loss(scores, spans, padding_mask)

    def spans(self, scores: PointerScores, padding_mask: Tensor | None) -> list[list[TypedSpan]]:
        """In any order, overlapping ones included."""
        return [
            [(self.types[kind], first, last) for kind, first, last in row]
            for row in self.pointer.decode(scores, padding_mask)
        ]


def head_of(decoder: Decoder, dim: int, tags: TagSet) -> Any:
    """The head of a decoder, on states of `dim` numbers."""
    if decoder == "pointer":
        return PointerHead(dim, tags.types)
    return ChainHead(dim, tags) if decoder == "crf" else TagHead(dim, tags)
