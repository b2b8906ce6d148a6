"""F1 of triples: by hand, and as the official script of DuIE 2.0 counts."""

import random

import pytest

from dougong.metrics.triples import Wording, triple_scores


def scores(expected, predicted, match="exact"):
    return triple_scores([(expected, predicted)], match).metrics()


def test_by_hand():
    # Four expected; of three that are predicted two are right, one of which the text has twice.
    expected = [[Wording("a", "r", "b"), Wording("a", "s", "b"), Wording("c", "r", "b")], [Wording("a", "r", "b")]]
    predicted = [[Wording("a", "r", "b"), Wording("a", "r", "b"), Wording("b", "r", "a")], [Wording("a", "r", "b")]]
    found = triple_scores(zip(expected, predicted, strict=True))
    assert found.metrics() == {"precision": 2 / 3, "recall": 2 / 4, "f1": 4 / 7}
    assert found.table()[1:] == [["r", 0.6667, 0.6667, 0.6667, 3], ["s", 0.0, 0.0, 0.0, 1]]


AWARD = Wording("丙", "获奖", "金奖", (("inWork", "丁"), ("onDate", "2019")))


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (AWARD, True),
        (AWARD._replace(slots=AWARD.slots[::-1]), True),
        (AWARD._replace(slots=AWARD.slots[:1]), False),
        (AWARD._replace(slots=()), False),
        (AWARD._replace(slots=(("inWork", "丁"), ("onDate", "2018"))), False),
        (AWARD._replace(slots=(("inWork", "2019"), ("onDate", "丁"))), False),
        (AWARD._replace(slots=(*AWARD.slots, ("period", "一"))), False),
    ],
)
def test_a_complex_object_is_right_only_with_all_its_slots(given, right):
    assert scores([AWARD], [given])["f1"] == right


@pytest.mark.parametrize(
    ("given", "exact", "partial"),
    [
        (Wording("Ann Lee", "r", "New York"), True, True),
        (Wording("ANN lee", "r", "《New York》"), True, False),
        (Wording("《ann lee》", "r", "new york"), True, False),
        (Wording("《Ann Lee", "r", "New York"), False, False),
        (Wording("Ann", "r", "New Jersey"), False, True),
        (Wording("Lee", "r", "York"), False, False),
        (Wording("Ann Lee", "s", "New York"), False, False),
    ],
)
def test_what_counts_as_the_same(given, exact, partial):
    assert scores([Wording("Ann Lee", "r", "New York")], [given])["f1"] == exact
    assert scores([Wording("Ann Lee", "r", "New York")], [given], "partial")["f1"] == partial


@pytest.mark.parametrize("cases", [[], [([], [])]])
def test_nothing_expected_and_nothing_predicted_is_no_division_by_zero(cases):
    assert triple_scores(cases).metrics() == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


def as_the_script_counts(cases):
    """The definition of `re_official_evaluation.py` in its own terms: lists that are searched, duplicates left out."""

    def bare(name):
        return name[1:-1] if name.startswith("《") and name.endswith("》") else name

    def normal(triples):
        found = []
        for subject, predicate, value, slots in triples:
            objects = {name: bare(text).lower() for name, text in (("@value", value), *slots)}
            one = (bare(subject.lower()), predicate, objects)
            if one not in found:
                found.append(one)
        return found

    expected, predicted, right, recalled = 0, 0, 0, 0
    for wanted, given in cases:
        wanted, given = normal(wanted), normal(given)
        expected, predicted = expected + len(wanted), predicted + len(given)
        right += sum(one in wanted for one in given)
        recalled += sum(one in given for one in wanted)
    precision, recall = right / predicted, recalled / expected
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_the_official_definition(seed):
    draw = random.Random(seed)
    names = ["甲", "《甲》", "a", "A", "《b》", "B", "《c"]

    def triples():
        for _ in range(draw.randint(1, 12)):
            slots = tuple((name, draw.choice(names)) for name in ("x", "y") if draw.random() < 0.3)
            yield Wording(draw.choice(names), draw.choice("rs"), draw.choice(names), slots)

    cases = [(list(triples()), list(triples())) for _ in range(50)]
    assert triple_scores(cases).metrics() == pytest.approx(as_the_script_counts(cases))
