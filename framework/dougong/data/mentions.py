"""Where else a text says the same."""

from collections.abc import Iterator

from dougong.data.records import Span


def mentions(text: str, span: Span) -> Iterator[tuple[int, int]]:
    """The places [start, end) of all that is worded as a span of the text, itself included, none within another."""
    size = len(span.text)
    end = span.start
    while (start := text.rfind(span.text, 0, end)) >= 0:
        yield start, start + size
        end = start
    yield span.start, span.end
    start = span.end
    while (start := text.find(span.text, start)) >= 0:
        yield start, start + size
        start += size
