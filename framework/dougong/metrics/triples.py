"""Precision, recall and F1 of triples, by the wording of subject and objects.

`exact` is the definition of the official scorer of DuIE 2.0 (`re_official_evaluation.py`, without a file of aliases):
case does not count, nor does a pair of book-title marks around a whole name, and a complex object is right only when
all its slots are. `partial` is that of CasRel (arXiv 1909.03227): the first words of subject and object count.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from dougong.metrics.entities import EntityScores, entity_scores

Match = Literal["exact", "partial"]


class Wording(NamedTuple):
    """A triple in words; `slots` are the further objects of a complex one, (name, wording) in order of their names."""

    subject: str
    predicate: str
    object: str
    slots: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        more = "".join(f", {name}: {text}" for name, text in self.slots)
        return f"({self.subject} | {self.predicate} | {self.object}{more})"


def comparable(triple: Wording, match: Match) -> Wording:
    """A triple as it is compared: two are the same if these are equal."""
    normal: Callable[[str], str] = _official if match == "exact" else _first_word
    slots = tuple(sorted((name, normal(text)) for name, text in triple.slots))
    return Wording(normal(triple.subject), triple.predicate, normal(triple.object), slots)


def triple_scores(cases: Iterable[tuple[Sequence[Wording], Sequence[Wording]]], match: Match = "exact") -> EntityScores:
    """Compare triples text by text, together and predicate by predicate.

    Args:
        cases: (expected, predicted) of each text; what is the same within a text counts once.
        match: what makes two triples the same.
    """
    return entity_scores(
        ([_counted(triple, match) for triple in wanted], [_counted(triple, match) for triple in given])
        for wanted, given in cases
    )


def _counted(triple: Wording, match: Match) -> tuple[str, str, tuple[object, ...]]:
    same = comparable(triple, match)
    return same.predicate, same.subject, (same.object, same.slots)


def _official(text: str) -> str:
    text = text.lower()
    return text[1:-1] if text.startswith("《") and text.endswith("》") else text


def _first_word(text: str) -> str:
    return text.split(" ")[0]
