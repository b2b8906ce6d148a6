"""Texts in windows, with the triples that lie in each; one subject of a window drawn at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dougong.data.alignment import Aligned, Window, windows
from dougong.data.places import places
from dougong.data.records import RelationText, Span

Numbers = npt.NDArray[np.int64]
Label = tuple[str, str]
"""A predicate and a slot of it; the slot "" is that of the object itself."""

Tokens = tuple[int, int]


class Labelling:
    """Finds in which window which triples are to be learnt, and counts those that can't be.

    Args:
        labels: those that are known, by number.
        everywhere: label all mentions of an entity, not only where the record says that it is.
        counts: where they are counted.
    """

    def __init__(self, labels: Sequence[Label], everywhere: bool, counts: Counter[str] | None = None) -> None:
        self.numbers: Mapping[Label, int] = {label: number for number, label in enumerate(labels)}
        self.everywhere = everywhere
        self.counts: Counter[str] = Counter() if counts is None else counts

    def cut(self, record: RelationText, aligned: Aligned, length: int, overlap: int) -> Iterator[dict[str, Any]]:
        """The windows of a text as columns of examples, special tokens aside.

        Yields:
            `numbers`, `starts` and `ends` of the tokens, and `triples`: (T, 5) of label, first and last token of the
            subject, then of the object.
        """
        facts = list(self._facts(record, aligned))
        met: set[int] = set()
        for window in windows(len(aligned), length, overlap):
            inside = slice(window.begin, window.end)
            rows = set[tuple[int, ...]]()
            for number, (label, subjects, objects) in enumerate(facts):
                pairs = [(s, o) for s in _within(subjects, window) for o in _within(objects, window)]
                rows.update((label, *s, *o) for s, o in pairs)
                met.update([number] if pairs else [])
            triples = np.array(sorted(rows), np.int64).reshape(-1, 5)
            yield {
                "numbers": aligned.numbers[inside],
                "starts": aligned.starts[inside],
                "ends": aligned.ends[inside],
                "triples": triples,
            }
        self.counts["apart"] += len(facts) - len(met)

    def remarks(self) -> list[str]:
        """What was counted, in words."""
        said = {
            "unknown": "objects are of relations that the training split does not have",
            "no tokens": "objects are of triples of which a part has no token",
            "apart": "objects do not lie in one window with their subject",
        }
        return [
            f"{self.counts[name]:,} {line}; they are scored, and can't be found"
            for name, line in said.items()
            if self.counts[name]
        ]

    def _facts(self, record: RelationText, aligned: Aligned) -> Iterator[tuple[int, list[Tokens], list[Tokens]]]:
        """(label, places of the subject, places of the object) in tokens."""
        known: dict[Span, list[Tokens]] = {}
        for label, subject, object_ in parts_of(record):
            number = self.numbers.get(label)
            if number is None:
                self.counts["unknown"] += 1
                continue
            for span in (subject, object_):
                if span not in known:
                    known[span] = self._places(record.text, span, aligned)
            if known[subject] and known[object_]:
                yield number, known[subject], known[object_]
            else:
                self.counts["no tokens"] += 1

    def _places(self, text: str, span: Span, aligned: Aligned) -> list[Tokens]:
        spans = {span, *(places(text, span.text) if self.everywhere else ())}
        found = (aligned.tokens(one.start, one.end) for one in spans)
        return sorted({tokens for tokens in found if tokens is not None})


def parts_of(record: RelationText) -> Iterator[tuple[Label, Span, Span]]:
    """(label, subject, object) of each object of each triple."""
    for triple in record.triples:
        yield (triple.predicate, ""), triple.subject, triple.object
        for slot, span in triple.slots:
            yield (triple.predicate, slot), triple.subject, span


def draw(triples: Numbers, random: np.random.Generator) -> dict[str, Numbers]:
    """One subject of a window, with what is to be learnt of it.

    Its start and its end are drawn apart, so that some pairs are no subject, and have no objects, as published.

    Args:
        triples: (T, 5) as above.

    Returns:
        `subjects`, the first and last tokens of all of them; `subject`, those of the one that was drawn, or -1;
        `objects`, the label, first and last token of each of its objects, one after the other.
    """
    if not len(triples):
        nothing = np.empty(0, np.int64)
        return {"subjects": nothing, "subject": np.full(2, -1), "objects": nothing}
    subjects = np.unique(triples[:, 1:3], axis=0)
    first = random.choice(subjects[:, 0])
    drawn = np.array([first, random.choice(subjects[subjects[:, 1] >= first, 1])])
    objects = triples[(triples[:, 1:3] == drawn).all(1)][:, [0, 3, 4]]
    return {"subjects": subjects.reshape(-1), "subject": drawn, "objects": objects.reshape(-1)}


def _within(spans: Sequence[Tokens], window: Window) -> list[Tokens]:
    return [
        (first - window.begin, last - window.begin)
        for first, last in spans
        if window.begin <= first and last < window.end
    ]
