"""Long texts in windows: which spans each of them is to find, and what it found put together again."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dougong.data.alignment import Aligned, Window, windows
from dougong.data.tag_scheme import TypedSpan


class Piece(NamedTuple):
    """What a window found: a span of characters.

    Args:
        type, start, end: of the span.
        home: whether the window is the one to find what begins here.
        opens: whether it begins with the window's first token, so that it may have begun before.
        closes: whether it ends with the window's last token, so that it may go on.
    """

    type: str
    start: int
    end: int
    home: bool
    opens: bool
    closes: bool


def cut(aligned: Aligned, spans: Sequence[TypedSpan], length: int, overlap: int) -> Iterator[dict[str, Any]]:
    """The windows of a text as columns of examples, special tokens aside.

    Yields:
        `numbers`, `starts` and `ends` of the tokens; `home` and `away`, the tokens that the window answers for; and
        `spans`, those of its tokens. Of a span that does not lie within the window, its part there is one.
    """
    for window in windows(len(aligned), length, overlap):
        inside = slice(window.begin, window.end)
        yield {
            "numbers": aligned.numbers[inside],
            "starts": aligned.starts[inside],
            "ends": aligned.ends[inside],
            "home": window.home - window.begin,
            "away": window.away - window.begin,
            "spans": list(_within(spans, window)),
        }


def _within(spans: Iterable[TypedSpan], window: Window) -> Iterator[TypedSpan]:
    for name, first, last in spans:
        begin, end = max(first, window.begin), min(last, window.end - 1)
        if begin <= end:
            yield name, begin - window.begin, end - window.begin


def pieces(spans: Iterable[TypedSpan], starts: Any, ends: Any, home: int, away: int) -> list[Piece]:
    """Spans of a window's tokens as pieces of the text."""
    starts, ends, last_token = np.asarray(starts), np.asarray(ends), len(starts) - 1
    found = [
        Piece(name, int(starts[first]), int(ends[last]), home <= first < away, first == 0, last == last_token)
        for name, first, last in spans
    ]
    return [piece for piece in found if piece.start < piece.end]  # a token may stand for no character


def joined(found: Sequence[Sequence[Piece]]) -> list[tuple[str, int, int]]:
    """The spans of a text in order, each once, of what its windows found: also such as no window holds whole."""
    spans = {
        (piece.type, piece.start, _end(piece, found[number + 1 :]))
        for number, window in enumerate(found)
        for piece in window
        if piece.home
    }
    return sorted(spans, key=lambda span: (span[1], span[2], span[0]))


def _end(piece: Piece, later: Sequence[Sequence[Piece]]) -> int:
    """Where a piece ends, or what goes on with it in the windows after its own."""
    for window in later:
        if not piece.closes:
            break
        onward = [
            other
            for other in window
            if other.type == piece.type
            and (other.opens or other.start == piece.start)
            and other.start < piece.end < other.end
        ]
        if not onward:
            break
        piece = max(onward, key=lambda other: other.end)
    return piece.end
