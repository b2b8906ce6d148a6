"""The most probable tags of a chain."""

# Shapes: B batch, N length, T tags.

import torch
from torch import Tensor

from dougong.nn.crf.chain import chain_of

_CHUNK = 1 << 20  # scores that are looked at together: they should stay in the processor's cache


def best_tags(emissions: Tensor, start: Tensor, end: Tensor, transitions: Tensor, lengths: Tensor) -> Tensor:
    """The Viterbi algorithm, (B, N, T) emissions to (B, N) tags, 0 at padding.

    On the way forward only the best scores are kept. Which tag each came from is found out on the way back, for the
    one tag that lies on the path.
    """
    chain = chain_of(emissions, start, end, transitions, lengths)
    into = transitions.t().contiguous()  # a row for each tag that is gone to
    best = chain.emissions
    if best.numel():
        best[0] += start
    for position in range(1, len(best)):
        rows = chain.rows[position]
        _step(best[position - 1, :rows], into, best[position, :rows])
    return chain.scatter(_back(best, end, into, chain.rows))


def _step(before: Tensor, into: Tensor, after: Tensor) -> None:
    """Add to `after`, (B, T) emissions, the best of the scores that lead there."""
    at_once = max(1, _CHUNK // into.numel())
    for begin in range(0, len(before), at_once):
        chunk = slice(begin, begin + at_once)
        after[chunk] += (before[chunk, None, :] + into).amax(-1)


def _back(best: Tensor, end: Tensor, into: Tensor, rows: list[int]) -> Tensor:
    """(N, B) tags, of the best scores of each position."""
    length, batch, _ = best.shape
    found = torch.zeros(length, batch, dtype=torch.long, device=best.device)
    following = 0
    for position in range(length - 1, -1, -1):
        here = rows[position]
        if following:
            came_from = best[position, :following] + into[found[position + 1, :following]]
            found[position, :following] = came_from.argmax(-1)
        if here > following:
            found[position, following:here] = (best[position, following:here] + end).argmax(-1)
        following = here
    return found
