"""Beam search, for all sources of a batch at once."""

# Shapes: B sources, R sources that are not done, K paths, T steps so far, V vocabulary, D hidden dimension.

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dougong.contracts.decoder import Decoder, Source

SPARSE = 4 / 3
"""When so many times more sources are carried along than are not done, the others are dropped."""

Scorer = Callable[[Tensor, Tensor], Tensor]
"""(R, K, D) states, and the numbers of the R sources that they are of, to (R, K, V) logits."""


class Written(NamedTuple):
    """A target: its tokens without start and end, and the mean logarithm of its probability (see `Beam`)."""

    tokens: list[int]
    score: float


@dataclass(frozen=True)
class Beam:
    """How to search.

    Args:
        size: K, how many paths are followed; 1 always takes the likeliest token.
        length: tokens that are written at most.
        length_penalty: a target's score is the logarithm of its probability, divided by its length (with the end
            token) to this power; 0 favours short targets.
        no_repeat: no run of so many tokens is written twice; 0 allows all.
    """

    size: int = 3
    length: int = 64
    length_penalty: float = 1.0
    no_repeat: int = 0

    def score(self, logs: Tensor, length: int) -> Tensor:
        """The score of targets of one length."""
        scores: Tensor = logs / length**self.length_penalty
        return scores


class Ends(NamedTuple):
    """The tokens that begin and end a target, and those that are never written."""

    start: int
    end: int
    never: Sequence[int] = ()


def search(decoder: Decoder, source: Source, scorer: Scorer, ends: Ends, beam: Beam) -> list[list[Written]]:
    """The targets of each source, best first; K of them, or fewer where there are no more.

    A source is done when K targets have ended, and the best path has no better score than the worst of these.
    """
    count, device = len(source.states), source.states.device
    done: dict[int, list[Written]] = {}
    live = torch.arange(count, device=device)
    field, writing = Field(count, beam, ends, device), decoder.begin(source, beam.size, beam.length)
    for step in range(1, beam.length + 1):
        parents = field.extend(scorer(decoder.step(field.last, writing), live), step)
        over = field.over(step)
        for place in over.nonzero()[:, 0].tolist():
            done.setdefault(int(live[place]), field.best(place, step))
        if len(done) == count:
            break
        waiting = torch.tensor([number not in done for number in live.tolist()], device=device)
        if waiting.sum() * SPARSE <= len(live):  # to drop the others costs a copy
            rest = waiting.nonzero()[:, 0]
            live, parents = live[rest], parents[rest]
            field.keep(rest)
            writing.keep(rest)
        writing.follow(parents)
    return [done[number] for number in range(count)]


class Field:
    """The paths of all sources that are not done, and the targets that have ended.

    Args:
        count: R.
    """

    def __init__(self, count: int, beam: Beam, ends: Ends, device: torch.device) -> None:
        self.beam, self.ends = beam, ends
        shape = (count, beam.size)
        self.tokens = torch.zeros(*shape, 0, dtype=torch.long, device=device)
        self.logs = torch.full(shape, -torch.inf, device=device)
        self.logs[:, 0] = 0.0  # the paths are the same before anything is written
        self.ended = torch.zeros(*shape, beam.length, dtype=torch.long, device=device)
        self.scores = torch.full(shape, -torch.inf, device=device)
        self.lengths = torch.zeros(shape, dtype=torch.long, device=device)

    @property
    def last(self) -> Tensor:
        """(R, K) the token that each path ends with."""
        if self.tokens.size(-1):
            return self.tokens[..., -1]
        return torch.full_like(self.lengths, self.ends.start)

    def extend(self, logits: Tensor, step: int) -> Tensor:
        """Go on from each path with the likeliest tokens; (R, K) the paths that were gone on from."""
        forbidden = repeats(self.tokens, self.beam.no_repeat, logits.size(-1))
        logs = widened(logits).masked_fill_(forbidden, -torch.inf) if forbidden is not None else widened(logits)
        logs[..., list(self.ends.never)] = -torch.inf
        torch.log_softmax(logs, -1, out=logs)
        size, vocabulary = self.beam.size, logs.size(-1)
        totals = (self.logs.unsqueeze(-1) + logs).flatten(1)
        # Each path has one way to end: among twice as many, enough go on.
        values, places = totals.topk(min(2 * size, totals.size(1)), -1)
        parents, tokens = places // vocabulary, places % vocabulary
        self._end(values, parents, tokens == self.ends.end, step)
        going = values.masked_fill(tokens == self.ends.end, -torch.inf)
        self.logs, chosen = going.topk(size, -1)
        parents, tokens = parents.gather(1, chosen), tokens.gather(1, chosen)
        self.tokens = torch.cat([_rows(self.tokens, parents), tokens.unsqueeze(-1)], -1)
        return parents

    def _end(self, values: Tensor, parents: Tensor, ends: Tensor, step: int) -> None:
        """Take in the targets that end here and are among the K best."""
        first = slice(0, self.beam.size)
        found = self.beam.score(values[:, first], step).masked_fill(~ends[:, first], -torch.inf)
        if not found.isfinite().any():
            return
        tokens = torch.zeros_like(self.ended)
        tokens[..., : step - 1] = _rows(self.tokens, parents[:, first])
        self._collect(found, tokens, step - 1)

    def _collect(self, scores: Tensor, tokens: Tensor, length: int) -> None:
        scores = torch.cat([self.scores, scores], 1)
        tokens = torch.cat([self.ended, tokens], 1)
        lengths = torch.cat([self.lengths, torch.full_like(self.lengths, length)], 1)
        self.scores, chosen = scores.topk(self.beam.size, -1)
        self.ended, self.lengths = _rows(tokens, chosen), lengths.gather(1, chosen)

    def over(self, step: int) -> Tensor:
        """(R,), True where no path can do better, none goes on, or there is no room."""
        if step == self.beam.length:
            return torch.ones_like(self.scores[:, 0], dtype=torch.bool)
        return self.scores[:, -1] >= self.beam.score(self.logs[:, 0], step)

    def best(self, place: int, step: int) -> list[Written]:
        """The targets of a source; where too few have ended, what has not is one as well."""
        found = self._listed(self.scores[place], self.ended[place], self.lengths[place])
        if len(found) < self.beam.size and step == self.beam.length:
            unended = torch.full_like(self.lengths[place], step)
            found += self._listed(self.beam.score(self.logs[place], step), self.tokens[place], unended)
            found.sort(key=lambda item: -item.score)
        return found[: self.beam.size]

    def _listed(self, scores: Tensor, tokens: Tensor, lengths: Tensor) -> list[Written]:
        rows = zip(tokens.tolist(), lengths.tolist(), scores.tolist(), strict=True)
        return [Written(row[:length], score) for row, length, score in rows if score > -torch.inf]

    def keep(self, places: Tensor) -> None:
        """Forget all sources but those at these places."""
        for name in ("tokens", "logs", "ended", "scores", "lengths"):
            setattr(self, name, getattr(self, name)[places])


def repeats(tokens: Tensor, run: int, vocabulary: int) -> Tensor | None:
    """Which token would complete a run of `run` tokens that the path has already.

    Args:
        tokens: (R, K, T).

    Returns:
        (R, K, V) bool, or None where none would.
    """
    steps = tokens.size(-1)
    if not run or steps < run:
        return None
    windows = tokens.unfold(-1, run, 1)  # (R, K, T - run + 1, run)
    same = (windows[..., :-1] == tokens[..., None, steps - run + 1 :]).all(-1)
    counts = torch.zeros(*tokens.shape[:2], vocabulary, device=tokens.device)
    return counts.scatter_add_(-1, windows[..., -1], same.to(counts)) > 0


def _rows(items: Tensor, numbers: Tensor) -> Tensor:
    """(R, K, ...) items and (R, J) numbers of them to (R, J, ...)."""
    shape = (*numbers.shape, *items.shape[2:])
    return items.gather(1, numbers.view(*numbers.shape, *(1,) * (items.ndim - 2)).expand(shape))


def widened(logits: Tensor) -> Tensor:
    """Of their own, in float32 at least."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits.clone()
