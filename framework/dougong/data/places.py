"""Where wordings stand in a text, for data that names entities without saying where they are."""

import re
from collections.abc import Iterable

from dougong.data.records import Span

_IDEOGRAPHS = 0x2E80  # from here on, scripts that put no spaces between words


def places(text: str, wording: str) -> list[Span]:
    """All places of a wording, in order; those within other words only where there is none else.

    Where it is not in the text at all, case does not count; the spans are slices of the text in any case.
    """
    for flags in (re.NOFLAG, re.IGNORECASE):
        found = [
            Span(text[match.start() : match.end()], match.start(), match.end())
            for match in re.finditer(re.escape(wording), text, flags)
            if match.end() > match.start()
        ]
        if found:
            return [span for span in found if not _within_word(text, span)] or found
    return []


def locate(text: str, wordings: Iterable[str]) -> dict[str, Span | None]:
    """One place for each wording; None where it is not in the text.

    It is the first that is no part of a longer one's place: of "Peking" and "Peking University" in "Peking University
    lies in Peking", the former is at the end.
    """
    located: dict[str, Span | None] = {}
    for wording in sorted(dict.fromkeys(wordings), key=len, reverse=True):
        taken = [span for span in located.values() if span is not None]
        found = places(text, wording)
        apart = (span for span in found if not any(span.start < it.end and it.start < span.end for it in taken))
        located[wording] = next(apart, found[0] if found else None)
    return located


def _within_word(text: str, span: Span) -> bool:
    before, after = text[span.start - 1 : span.start + 1], text[span.end - 1 : span.end + 1]
    return (span.start > 0 and _joined(before)) or (span.end < len(text) and _joined(after))


def _joined(pair: str) -> bool:
    return all(character.isalnum() and ord(character) < _IDEOGRAPHS for character in pair)
