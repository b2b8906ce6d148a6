"""Precision, recall and F1 of spans that must be found exactly, with their types."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from dougong.contracts.drawing import HeatMap

NONE = "(none)"
TypedSpan = tuple[str, Hashable, Hashable]
"""A type, and where the span starts and ends."""


@dataclass(frozen=True)
class Found:
    """How many spans were expected, predicted, and right."""

    expected: int
    predicted: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the predicted spans that are right; 0 where there is none."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the expected spans that were found; 0 where there is none."""
        return self.right / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.expected + self.predicted
        return 2 * self.right / total if total else 0.0


@dataclass(frozen=True)
class EntityScores:
    """Spans counted over all texts: together, and type by type.

    The counts together are those of the CoNLL-2000 script `conlleval`, and of `seqeval` in its strict mode where spans
    were read from whole tags (see `tag_scheme.spans_of`).
    """

    all: Found
    by_type: dict[str, Found]

    def metrics(self) -> dict[str, float]:
        """`f1`, `precision` and `recall` over all types."""
        return {"f1": self.all.f1, "precision": self.all.precision, "recall": self.all.recall}

    def table(self) -> list[list[Any]]:
        """A header, and one row a type."""
        rows = [
            [name, *(round(value, 4) for value in (found.precision, found.recall, found.f1)), found.expected]
            for name, found in self.by_type.items()
        ]
        return [["type", "precision", "recall", "f1", "support"], *rows]


def entity_scores(cases: Iterable[tuple[Collection[TypedSpan], Collection[TypedSpan]]]) -> EntityScores:
    """Compare spans text by text.

    Args:
        cases: (expected, predicted) of each text; a span that is given twice counts once.
    """
    expected, predicted, right = Counter[str](), Counter[str](), Counter[str]()
    for wanted, given in cases:
        expected.update(name for name, *_ in set(wanted))
        predicted.update(name for name, *_ in set(given))
        right.update(name for name, *_ in set(wanted) & set(given))
    types = sorted(expected.keys() | predicted.keys())
    return EntityScores(
        Found(expected.total(), predicted.total(), right.total()),
        {name: Found(expected[name], predicted[name], right[name]) for name in types},
    )


def type_confusion(cases: Iterable[tuple[Collection[TypedSpan], Collection[TypedSpan]]]) -> HeatMap:
    """What type each span was taken for; a span that was not found, or is none, is of the type "(none)".

    Args:
        cases: as of `entity_scores`.
    """
    found = Counter[tuple[str, str]]()
    for wanted, given in cases:
        found.update((name, name) for name, *_ in set(wanted) & set(given))
        missed, spurious = _by_place(set(wanted) - set(given)), _by_place(set(given) - set(wanted))
        for place in missed.keys() | spurious.keys():
            found.update(zip_longest(missed.get(place, []), spurious.get(place, []), fillvalue=NONE))
    types = [*sorted({name for pair in found for name in pair} - {NONE}), NONE]
    counts = np.array([[found[true, predicted] for predicted in types] for true in types])
    return HeatMap({"": counts}, types, types, "true", "predicted")


def _by_place(spans: Iterable[TypedSpan]) -> dict[tuple[Hashable, ...], list[str]]:
    places: dict[tuple[Hashable, ...], list[str]] = {}
    for name, *place in sorted(spans, key=str):
        places.setdefault(tuple(place), []).append(name)
    return places
