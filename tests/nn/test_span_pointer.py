"""Spans by start, end and match."""

import math

import pytest
import torch

from dougong.nn.span_pointer import PointerScores, SpanPointer

# Within each other, of one type and of two, crossing, of one token, and with a boundary in common.
SPANS = [[(0, 0, 5), (0, 1, 2), (1, 1, 2), (0, 2, 4)], [(1, 3, 3), (0, 0, 3), (0, 0, 1)], []]


def spans(rows=SPANS) -> torch.Tensor:
    filled = torch.full((len(rows), max(map(len, rows)), 3), -1)
    for number, row in enumerate(rows):
        for slot, span in enumerate(row):
            filled[number, slot] = torch.tensor(span)
    return filled


def scores_of(rows=SPANS, length: int = 7, types: int = 2) -> PointerScores:
    start, end = torch.full((2, len(rows), length, types), -9.0)
    match = torch.full((len(rows), length, length), -9.0)
    for number, row in enumerate(rows):
        for kind, first, last in row:
            start[number, first, kind] = end[number, last, kind] = match[number, first, last] = 9.0
    return PointerScores(start, end, match)


def test_spans_that_overlap_come_back_from_perfect_scores():
    assert [sorted(row) for row in SpanPointer(4, 2).decode(scores_of())] == [sorted(row) for row in SPANS]


def test_nothing_ends_before_it_starts_or_in_padding():
    scores = PointerScores(*(torch.full_like(item, 9.0) for item in scores_of()))
    padding = torch.arange(7) >= torch.tensor([3, 0, 7])[:, None]
    found = SpanPointer(4, 2).decode(scores, padding)
    assert [len(row) for row in found] == [2 * 6, 0, 2 * 28]
    assert all(first <= last < 3 for _, first, last in found[0])


def test_the_loss_is_the_cross_entropy_over_starts_ends_and_the_pairs_of_boundaries():
    draw = torch.Generator().manual_seed(0)
    shapes = [item.shape for item in scores_of()]
    scores = PointerScores(*(torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes))
    padding = torch.arange(7) >= torch.tensor([6, 4, 2])[:, None]
    truth = scores_of()
    expected = 0.0
    for number, length in enumerate([6, 4, 2]):
        first = [token for token in range(length) if max(*scores.start[number, token], *truth.start[number, token]) > 0]
        last = [token for token in range(length) if max(*scores.end[number, token], *truth.end[number, token]) > 0]
        for i, j in [(i, j) for i in first for j in last if i <= j]:
            sign = 1 if truth.match[number, i, j] > 0 else -1
            expected += math.log1p(math.exp(-sign * scores.match[number, i, j]))
        for name, token in [(name, token) for name in ("start", "end") for token in range(length)]:
            logits, targets = (
                getattr(scores, name)[number, token].tolist(),
                getattr(truth, name)[number, token].tolist(),
            )
            pairs = list(zip(logits, targets, strict=True))
            expected += math.log1p(sum(math.exp(logit) for logit, target in pairs if target < 0))
            expected += math.log1p(sum(math.exp(-logit) for logit, target in pairs if target > 0))
    found = SpanPointer(4, 2).loss(scores, spans(), padding)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_matches_know_how_far_apart_starts_and_ends_are_and_not_where_they_stand():
    torch.manual_seed(0)
    pointer, state = SpanPointer(8, 1).double(), torch.randn(8, dtype=torch.float64)
    match = pointer(state.expand(1, 9, 8)).match[0]
    for distance in range(-8, 9):
        along = match.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along))
    assert len({round(match[0, end].item(), 9) for end in range(9)}) == 9


def test_padding_and_other_texts_of_the_batch_add_nothing():
    draw = torch.Generator().manual_seed(1)
    pointer = SpanPointer(8, 2).double()
    states = torch.randn(3, 7, 8, generator=draw, dtype=torch.float64)
    lengths = torch.tensor([6, 4, 2])
    padding = torch.arange(7) >= lengths[:, None]
    whole = pointer.loss(pointer(states), spans(), padding)
    states[padding] = 1e3
    again = pointer.loss(pointer(states), spans(), padding)
    alone = [
        pointer.loss(pointer(states[number : number + 1, :length]), spans()[number : number + 1])
        for number, length in enumerate(lengths.tolist())
    ]
    assert whole.item() == pytest.approx(again.item(), rel=1e-12)
    assert whole.item() == pytest.approx(sum(loss.item() for loss in alone), rel=1e-12)


def test_it_learns_overlapping_spans_by_heart():
    torch.manual_seed(0)
    states, pointer = torch.randn(3, 7, 32), SpanPointer(32, 2)
    optimizer = torch.optim.Adam(pointer.parameters(), lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        pointer.loss(pointer(states), spans()).backward()
        optimizer.step()
    assert [sorted(row) for row in pointer.decode(pointer(states))] == [sorted(row) for row in SPANS]


@pytest.mark.parametrize("shape", [(2, 0), (0, 4)])
def test_no_tokens_no_spans(shape):
    pointer = SpanPointer(8, 2)
    scores = pointer(torch.zeros(*shape, 8))
    assert pointer.loss(scores, torch.full((shape[0], 0, 3), -1)).item() == 0.0
    assert pointer.decode(scores) == [[]] * shape[0]


def test_under_autocast_scores_are_float32():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = SpanPointer(8, 2)(torch.randn(2, 5, 8))
    assert {item.dtype for item in scores} == {torch.float32}
