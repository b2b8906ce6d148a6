"""Where the reference answers of a question lie in its passages."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from dougong.data.alignment import Aligned
from dougong.data.records import Answer, SpanQuestion


class TokenSpan(NamedTuple):
    """Tokens `first` to `last`, both included, of a passage."""

    passage: int
    first: int
    last: int


class References:
    """Finds reference answers, and counts those that are not where they are said to be.

    Args:
        counts: where they are counted.
    """

    def __init__(self, counts: Counter[str] | None = None) -> None:
        self.counts: Counter[str] = Counter() if counts is None else counts

    def of(self, record: SpanQuestion, aligned: Mapping[str, Aligned]) -> list[TokenSpan]:
        """The answers of a question as tokens; those that are not in their passage are left out.

        Args:
            aligned: the tokens of each passage.
        """
        found = (self._tokens(answer, record, aligned) for answer in record.answers)
        return [span for span in found if span is not None]

    def remarks(self) -> list[str]:
        """What was counted, in words."""
        said = {
            "searched": "reference answers are not where the data says; they were found by search",
            "unplaced": "reference answers come without a place; they were found by search",
            "missing": "reference answers are not in their passage; they count in scoring, not in training",
            "unknown": "questions have no reference answer in their passage; they are scored, not trained on",
            "long": "questions have no reference answer that fits into a window; they are scored, not trained on",
        }
        return [f"{self.counts[name]:,} {line}" for name, line in said.items() if self.counts[name]]

    def _tokens(self, answer: Answer, record: SpanQuestion, aligned: Mapping[str, Aligned]) -> TokenSpan | None:
        passage = record.passages[answer.passage]
        start = locate(passage, answer.text, answer.start)
        if start is None:
            self._count("missing", record, answer, "is not in the passage")
            return None
        if answer.start < 0:
            self.counts["unplaced"] += 1
        elif start != answer.start:
            self._count("searched", record, answer, f"is at {start}")
        tokens = aligned[passage].tokens(start, start + len(answer.text))
        return TokenSpan(answer.passage, *tokens) if tokens else None

    def _count(self, what: str, record: SpanQuestion, answer: Answer, where: str) -> None:
        self.counts[what] += 1
        logging.getLogger(__name__).info(
            "%s: the answer %r is said to be at %d and %s", record.source, answer.text, answer.start, where
        )


def locate(passage: str, wording: str, start: int) -> int | None:
    """Where an answer begins: at `start` if it is there, else wherever it is nearest to `start`; None where it isn't.

    Without a start (-1) it is the first place.
    """
    if start >= 0 and passage.startswith(wording, start):
        return start
    after = passage.find(wording, max(0, start))
    before = passage.rfind(wording, 0, start + len(wording)) if start > 0 else -1
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start), default=None)
