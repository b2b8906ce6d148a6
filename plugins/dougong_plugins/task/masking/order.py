"""Two pieces of a text, in their order or the other."""

# Shapes: N length, V vocabulary.

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dougong.contracts.tokenizer import END, START, Tokenizer

SPECIAL = 3
"""Special tokens of a pair."""

STOPS = "。！？；.!?;…\n"
"""What ends a sentence."""

Tokens = npt.NDArray[np.int64]


class Pair(NamedTuple):
    """A pair of pieces.

    Args:
        tokens: (N,) `[CLS] one [SEP] other [SEP]`.
        segments: (N,) 0 for the first of them, 1 for the second.
        swapped: 1 where the second comes first in the text, 0 where it does not; None where there is no second.
    """

    tokens: Tokens
    segments: Tokens
    swapped: int | None


class SentenceOrder:
    """Cuts a text in two, at the end of a sentence where one is near the middle, and swaps half of the pairs."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._start, self._end = tokenizer.identity(START), tokenizer.identity(END)
        shown = (str(tokenizer.core.id_to_token(number)) for number in range(tokenizer.size))
        self._stops = np.array([text in STOPS for text in shown])

    def draw(self, tokens: Tokens, random: np.random.Generator) -> Pair:
        """A pair of the pieces of (N,) tokens, whose own start and end are left out."""
        body = tokens[(tokens != self._start) & (tokens != self._end)]
        if len(body) < 2:
            return _framed([self._start], body, [self._end], None)
        place = self._place(body, random)
        swapped = int(random.random() < 0.5)
        one, other = (body[place:], body[:place]) if swapped else (body[:place], body[place:])
        return _framed([self._start], one, [self._end], np.concatenate([other, [self._end]]), swapped)

    def _place(self, body: Tokens, random: np.random.Generator) -> int:
        """Where to cut: in the middle half, after a stop if there is one."""
        first = max(1, len(body) // 4)
        last = max(first + 1, len(body) - len(body) // 4)
        stops = np.flatnonzero(self._stops[body[first - 1 : last - 1]]) + first
        return int(random.choice(stops) if len(stops) else random.integers(first, last))


def _framed(start: list[int], one: Tokens, end: list[int], other: Tokens | None, swapped: int | None = None) -> Pair:
    first = np.concatenate([start, one, end])
    second = np.empty(0, np.int64) if other is None else other
    segments = np.repeat(np.arange(2), [len(first), len(second)])
    return Pair(np.concatenate([first, second]), segments, swapped)
