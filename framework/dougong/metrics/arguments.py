"""Precision, recall and F1 of event arguments by the characters that they have in common."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dougong.metrics.matching import greatest_sum

Role = tuple[str, str]
"""An event type and a role in it."""


@dataclass(frozen=True)
class Matched:
    """How many arguments were expected and predicted, and the sum of what the predicted ones score."""

    expected: int = 0
    predicted: int = 0
    score: float = 0.0

    def __add__(self, other: "Matched") -> "Matched":
        return Matched(self.expected + other.expected, self.predicted + other.predicted, self.score + other.score)

    @property
    def precision(self) -> float:
        """The mean score of a predicted argument; 0 where there is none."""
        return self.score / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The score for each argument that was expected; 0 where there is none."""
        return self.score / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.expected + self.predicted
        return 2 * self.score / total if total else 0.0


@dataclass(frozen=True)
class ArgumentScores:
    """Arguments over all texts: together, and role by role."""

    all: Matched
    by_role: Mapping[Role, Matched]

    def metrics(self) -> dict[str, float]:
        """`f1`, `precision` and `recall` over all roles."""
        return {"f1": self.all.f1, "precision": self.all.precision, "recall": self.all.recall}

    def table(self) -> list[list[Any]]:
        """A header, and one row a role."""
        rows = [
            [*role, *(round(value, 4) for value in (found.precision, found.recall, found.f1)), found.expected]
            for role, found in sorted(self.by_role.items())
        ]
        return [["event", "role", "precision", "recall", "f1", "support"], *rows]


def argument_scores(
    cases: Iterable[tuple[Mapping[Role, Collection[Sequence[str]]], Mapping[Role, Collection[str]]]],
) -> ArgumentScores:
    """Compare arguments text by text, as the DuEE competition defines it.

    A predicted argument scores the F1 of the characters that it has in common with an expected one of its event type
    and role, letter case aside, of whose wordings the best counts; precision and recall divide the sum by the number
    of arguments (https://github.com/PaddlePaddle/PaddleNLP, examples/information_extraction/DuEE/README.md). What the
    published definition leaves open: a wording counts once for a text and role, and each expected argument scores for
    one predicted one, such that the sum is greatest.

    Args:
        cases: (expected, predicted) of each text, by role: all wordings of each expected argument, and the wording of
            each predicted one.
    """
    found: dict[Role, Matched] = defaultdict(Matched)
    for expected, predicted in cases:
        for role in expected.keys() | predicted.keys():
            found[role] += _matched(expected.get(role, ()), predicted.get(role, ()))
    return ArgumentScores(sum(found.values(), Matched()), dict(found))


def matched(expected: Mapping[Role, Collection[Sequence[str]]], predicted: Mapping[Role, Collection[str]]) -> Matched:
    """The arguments of one text."""
    return argument_scores([(expected, predicted)]).all


def _matched(expected: Iterable[Sequence[str]], predicted: Iterable[str]) -> Matched:
    # Two that share their first wording are one argument that is mentioned twice, or by two events.
    wordings: dict[str, dict[str, None]] = {}
    for given in expected:
        wordings.setdefault(given[0].lower(), {}).update(dict.fromkeys(item.lower() for item in given))
    guesses = list(dict.fromkeys(wording.lower() for wording in predicted))
    scores = [[max(common_f1(guess, item) for item in each) for guess in guesses] for each in wordings.values()]
    return Matched(len(wordings), len(guesses), greatest_sum(scores))


def common_f1(predicted: Sequence[Hashable], expected: Sequence[Hashable]) -> float:
    """The F1 of the characters that two wordings have in common, wherever they stand."""
    common = (Counter(predicted) & Counter(expected)).total()
    return 2 * common / (len(predicted) + len(expected)) if common else 0.0
