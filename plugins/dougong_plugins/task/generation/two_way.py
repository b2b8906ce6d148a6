"""Beam search from both ends at once, for all sources of a batch (kexue.fm/archives/6877)."""

# Shapes: B sources, R sources that are not done, K paths a direction, T steps, V vocabulary, D hidden dimension.

from collections.abc import Sequence

import torch
from torch import Tensor

from dougong.contracts.decoder import Decoder, Source
from dougong.nn.meeting import Meeting
from dougong.nn.paths import PathMemory, Paths
from dougong_plugins.task.generation.beam import SPARSE, Ends, Scorer, Written, widened

SMALLEST = 1e-6
"""Added to a probability before its logarithm is taken, as published."""


class Direction:
    """The paths that are written from one end.

    Args:
        meeting: where these paths look at the other direction.
        shown: where the other direction looks at these.
        ends: the tokens that begin and end a path of this direction.
    """

    def __init__(
        self, decoder: Decoder, meeting: Meeting, shown: Meeting, source: Source, ends: Ends, size: int, length: int
    ) -> None:
        self.decoder, self.meeting, self.shown, self.ends = decoder, meeting, shown, ends
        shape, device = (len(source.states), size), source.states.device
        self.writing = decoder.begin(source, size, length)
        self.paths = Paths(*shape, length, device)
        self.memory = PathMemory(self.paths)
        self.tokens = torch.full((*shape, 1), ends.start, device=device)
        self.logs = torch.full(shape, -torch.inf, device=device)
        self.logs[:, 0] = 0.0  # the paths are the same before anything is written
        self.barred = sorted({ends.start, *ends.never})

    def read(self) -> tuple[Tensor, Tensor, Tensor]:
        """Read the newest tokens: (R, K, D) their states, and what the other direction sees of all so far."""
        states = self.decoder.step(self.tokens[..., -1], self.writing)
        self.paths.grow()
        keys, values, _ = self.shown.seen(states)
        return states, *self.memory.add(keys, values)

    def extend(self, likely: Tensor) -> Tensor:
        """Go on from each path with the likeliest tokens; (R, K) the paths that were gone on from.

        Args:
            likely: (R, K, V) probabilities, overwritten.
        """
        logs = likely.add_(SMALLEST).log_()
        logs[..., self.barred] = -torch.inf
        totals = (self.logs.unsqueeze(-1) + logs).flatten(1)
        self.logs, places = totals.topk(self.logs.size(1), -1)
        parents, tokens = places // logs.size(-1), places % logs.size(-1)
        rows = self.tokens.gather(1, parents.unsqueeze(-1).expand_as(self.tokens))
        self.tokens = torch.cat([rows, tokens.unsqueeze(-1)], -1)
        return parents

    def ended(self) -> Tensor:
        """(R,), True where the best path has come to its end."""
        return self.tokens[:, 0, -1] == self.ends.end

    def best(self, place: int) -> list[int]:
        """The tokens of a source's best path, without start and end."""
        row: list[int] = self.tokens[place, 0, 1:].tolist()
        return row[: row.index(self.ends.end)] if self.ends.end in row else row

    def follow(self, parents: Tensor) -> None:
        """(R, K) the paths that were gone on from."""
        self.writing.follow(parents)
        self.paths.follow(parents)

    def keep(self, places: Tensor) -> None:
        """Forget all sources but those at these places."""
        self.tokens, self.logs = self.tokens[places], self.logs[places]
        for part in (self.writing, self.paths, self.memory):
            part.keep(places)


def search_both(
    decoders: Sequence[Decoder],
    meetings: Sequence[Meeting],
    source: Source,
    scorer: Scorer,
    ends: Ends,
    size: int,
    length: int,
) -> list[Written]:
    """The target of each source, as written from the left or from the right.

    In each direction `size` paths are followed. What comes next on one is the mean, over the paths of the other
    direction, of the probabilities that its newest state with that path gives. The first best path of a direction that
    ends, and is as likely as the best of the other, is the target.

    Args:
        decoders: from the left, from the right.
        meetings: where the paths from the left look at those from the right, and the other way round.
        ends: from the left; from the right start and end change places.
        length: tokens that are written at most, the end included.
    """
    reverse = Ends(ends.end, ends.start, ends.never)
    left = Direction(decoders[0], meetings[0], meetings[1], source, ends, size, length)
    right = Direction(decoders[1], meetings[1], meetings[0], source, reverse, size, length)
    count, device = len(source.states), source.states.device
    live, done = torch.arange(count, device=device), dict[int, Written]()
    for step in range(1, length + 1):
        parents = _advance(left, right, scorer, live)
        for place in _over(left, right, step == length).nonzero()[:, 0].tolist():
            done.setdefault(int(live[place]), _winner(left, right, place))
        if len(done) == count:
            break
        waiting = torch.tensor([number not in done for number in live.tolist()], device=device)
        if waiting.sum() * SPARSE <= len(live):
            rest = waiting.nonzero()[:, 0]
            live, parents = live[rest], [item[rest] for item in parents]
            left.keep(rest)
            right.keep(rest)
        left.follow(parents[0])
        right.follow(parents[1])
    return [done[number] for number in range(count)]


def _advance(left: Direction, right: Direction, scorer: Scorer, live: Tensor) -> list[Tensor]:
    """One more token on each path; the paths that were gone on from, of both directions."""
    own, other = left.read(), right.read()
    likely = []
    for (states, *_), (_, keys, values), these, those in ((own, other, left, right), (other, own, right, left)):
        pairs = these.meeting.pairs(states, keys, values, those.paths.mask())
        found = widened(scorer(pairs.flatten(1, 2), live))
        torch.softmax(found, -1, out=found)  # in place: memory for as many numbers again costs more than the sums
        likely.append(found.view(*pairs.shape[:3], -1).mean(2))
    return [left.extend(likely[0]), right.extend(likely[1])]


def _over(left: Direction, right: Direction, full: bool) -> Tensor:
    """(R,), True where the best path of a direction has ended and is as likely as that of the other."""
    first = left.logs[:, 0] >= right.logs[:, 0]
    second = right.logs[:, 0] >= left.logs[:, 0]
    return (left.ended() & first) | (right.ended() & second) | torch.full_like(first, full)


def _winner(left: Direction, right: Direction, place: int) -> Written:
    scores = [float(item.logs[place, 0]) for item in (left, right)]
    ended = [bool(item.ended()[place]) for item in (left, right)]
    if (scores[0], ended[0]) >= (scores[1], ended[1]):
        return Written(left.best(place), scores[0])
    return Written(right.best(place)[::-1], scores[1])
