"""A batch of chains, in the order in which recursions go through them."""

# Shapes: B batch, N length, T tags.

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Chain:
    """Scores with the longest sequence first, so that the sequences that reach a position are its first rows.

    Args:
        emissions: (N, B, T), position by position; 0 at padding.
        start, end: (T,) scores of the first and of the last tag.
        transitions: (T, T) scores of going from one tag to another. What is forbidden is -inf in all three.
        lengths: (B,) in descending order.
        rows: of each position, how many sequences reach it.
        order: (B,) the number that each sequence had before.
    """

    emissions: Tensor
    start: Tensor
    end: Tensor
    transitions: Tensor
    lengths: Tensor
    rows: list[int]
    order: Tensor

    def double(self) -> "Chain":
        """The same in float64."""
        names = ("emissions", "start", "end", "transitions")
        return replace(self, **{name: getattr(self, name).double() for name in names})

    @property
    def last(self) -> Tensor:
        """(B,) the position of each sequence's last tag."""
        return (self.lengths - 1).clamp_min(0)

    @property
    def present(self) -> Tensor:
        """(N, B), False at padding."""
        return torch.arange(len(self.rows), device=self.lengths.device)[:, None] < self.lengths

    def gather(self, values: Tensor) -> Tensor:
        """(B, N, ...) in the order of the batch to (N, B, ...) in this order."""
        return values.transpose(0, 1).index_select(1, self.order)

    def scatter(self, values: Tensor) -> Tensor:
        """(N, B, ...) in this order to (B, N, ...) in the order of the batch."""
        return values.transpose(0, 1).index_select(0, self.order.argsort())


def chain_of(emissions: Tensor, start: Tensor, end: Tensor, transitions: Tensor, lengths: Tensor) -> Chain:
    """The chain of (B, N, T) emissions and (B,) lengths."""
    order = lengths.argsort(descending=True, stable=True)
    positions = torch.arange(emissions.size(1), device=emissions.device)
    present = lengths[order] > positions[:, None]
    by_position = emissions.transpose(0, 1).index_select(1, order)
    if not bool(present.all()):  # what stands at padding may be anything, NaN included
        by_position = by_position.masked_fill_(~present[..., None], 0.0)
    return Chain(by_position, start, end, transitions, lengths[order], present.sum(1).tolist(), order)


def lengths_of(emissions: Tensor, padding_mask: Tensor | None) -> Tensor:
    """(B,) how long each sequence is.

    Raises:
        ValueError: the mask has another shape, or padding stands before the end of a sequence.
    """
    batch, length, _ = emissions.shape
    if padding_mask is None:
        return torch.full((batch,), length, device=emissions.device)
    if padding_mask.shape != (batch, length):
        raise ValueError(f"padding_mask: expected the shape {(batch, length)}, got {tuple(padding_mask.shape)}.")
    if bool((padding_mask[:, :-1] & ~padding_mask[:, 1:]).any()):
        raise ValueError("padding_mask: padding has to stand at the ends of the sequences.")
    return (~padding_mask).sum(1)
