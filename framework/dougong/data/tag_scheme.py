"""Tags that mark spans, one tag a token, and the spans that tags mark."""

# Shapes: T tags.

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Scheme = Literal["BIO", "BIOES"]
Mask = npt.NDArray[np.bool_]
TypedSpan = tuple[str, int, int]
"""A type, the first token and the last, both included."""

OUTSIDE = "O"


class TagSet:
    """The tags of some span types: `O`, and `B-TYPE`, `I-TYPE` for each (with `E-TYPE` and `S-TYPE` in BIOES).

    B begins a span, I goes on with it, E ends it and S is one of a single token; in BIO a span ends where no I follows.

    Args:
        types: in the order in which their tags are numbered, after `O`.
        scheme: which tags there are.
    """

    def __init__(self, types: Iterable[str], scheme: Scheme = "BIO") -> None:
        self.types = list(types)
        self.scheme = scheme
        self.letters = scheme.replace(OUTSIDE, "")
        self.names = [OUTSIDE, *(f"{letter}-{name}" for name in self.types for letter in self.letters)]
        self._types = {name: number for number, name in enumerate(self.types)}

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, spans: Iterable[TypedSpan], length: int) -> tuple[list[int], int]:
        """The numbers of the tags of `length` tokens, and how many spans found no place.

        Where spans overlap, the one that begins first gets the tags, and the longest of those that begin together.
        """
        tags = [0] * length
        left_out = free = 0
        for name, first, last in sorted(set(spans), key=lambda span: (span[1], -span[2], self._types[span[0]])):
            if first < free:
                left_out += 1
                continue
            free = last + 1
            base = 1 + self._types[name] * len(self.letters)
            inside = [base + self.letters.index(letter) for letter in self._word(free - first)]
            tags[first:free] = inside
        return tags, left_out

    def decode(self, numbers: Sequence[int]) -> list[TypedSpan]:
        """The spans that tags mark; tags that don't make a whole one, as an `I` without its `B`, mark nothing."""
        return spans_of([self.names[number] for number in numbers], self.scheme)

    def allowed(self) -> tuple[Mask, Mask, Mask]:
        """What makes whole spans.

        Returns:
            (T, T) whether a tag may follow another, (T,) whether it may be the first, (T,) whether it may be the last.
        """
        goes_on = np.array([name[0] in ("BI" if self.scheme == "BIOES" else "") for name in self.names])
        inside = np.array([name[0] in "IE" for name in self.names])
        may_precede = np.array([name[0] in "BI" for name in self.names])
        types = np.array([name[2:] for name in self.names])
        same = types[:, None] == types
        # A tag inside a span follows one of the same span; others follow where no span is open.
        follows = np.where(inside, same & may_precede[:, None], ~goes_on[:, None])
        return follows, ~inside, ~goes_on

    def _word(self, length: int) -> str:
        """The letters of a span."""
        if self.scheme == "BIO":
            return "B" + "I" * (length - 1)
        return "S" if length == 1 else "B" + "I" * (length - 2) + "E"


def spans_of(tags: Sequence[str], scheme: Scheme) -> list[TypedSpan]:
    """The whole spans that tags of a scheme mark, as `seqeval` finds them in its strict mode."""
    found: list[TypedSpan] = []
    begun: tuple[str, int] | None = None
    for position, tag in enumerate([*tags, OUTSIDE]):
        letter, name = tag[0], tag[2:]
        goes_on = begun is not None and begun[0] == name and letter in "IE"
        if begun is not None and not goes_on:
            if scheme == "BIO":
                found.append((begun[0], begun[1], position - 1))
            begun = None
        if letter == "S":
            found.append((name, position, position))
        elif letter == "B":
            begun = (name, position)
        elif letter == "E" and begun is not None:
            found.append((name, begun[1], position))
            begun = None
    return found
