"""Tokens and the characters of the original text that they stand for; windows over texts that are too long."""

# Shapes: T tokens of a text.

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Aligned:
    """A text as tokens, special ones aside, each with the piece [start, end) of the original that it stands for.

    Args:
        numbers: (T,) of the tokens.
        starts, ends: (T,) in characters. They never decrease, but several tokens may stand for one character, and
            characters that the tokenizer drops belong to none.
    """

    numbers: Numbers
    starts: Numbers
    ends: Numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def characters(self, first: int, last: int) -> tuple[int, int]:
        """The piece [start, end) of the original that tokens `first` to `last`, both included, stand for."""
        return int(self.starts[first]), int(self.ends[last])

    def tokens(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and the last token of the characters [start, end); None where no token stands for any of them.

        They may stand for more: a token is not cut where an entity begins within a word.
        """
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.starts, end, side="left")) - 1
        return (first, last) if first <= last else None


@dataclass(frozen=True)
class Window:
    """Tokens [begin, end) of a text. What begins in [home, away) is this window's to find, and no other's."""

    begin: int
    end: int
    home: int
    away: int


def windows(count: int, length: int, overlap: int) -> Iterator[Window]:
    """Cut `count` tokens into windows of `length`, each of which begins with the last `overlap` of the one before.

    A token is at home where it has most context: in the half of an overlap that is farther from the window's edge. A
    text without tokens is one empty window.

    Raises:
        ValueError: `overlap` leaves no room to move on.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"an overlap of {overlap} tokens in windows of {length}")
    begin = home = 0
    while begin + length < count:
        end = begin + length
        away = end - overlap // 2
        yield Window(begin, end, home, away)
        begin, home = end - overlap, away
    yield Window(begin, count, home, count)
