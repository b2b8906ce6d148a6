"""F1 of spans: by hand, and as seqeval has it."""

import random

import pytest

from dougong.data.tag_scheme import TagSet, spans_of
from dougong.metrics.entities import entity_scores, type_confusion


def test_by_hand():
    # Three expected, of which one is found, one has the wrong end and one the wrong type; one more is predicted.
    expected = [{("PER", 0, 2), ("ORG", 3, 7)}, {("LOC", 0, 1)}, set()]
    predicted = [{("PER", 0, 2), ("ORG", 3, 6)}, {("PER", 0, 1)}, {("LOC", 4, 5)}]
    scores = entity_scores(zip(expected, predicted, strict=True))
    assert scores.metrics() == {"precision": 1 / 4, "recall": 1 / 3, "f1": 2 / 7}
    assert scores.table() == [
        ["type", "precision", "recall", "f1", "support"],
        ["LOC", 0.0, 0.0, 0.0, 1],
        ["ORG", 0.0, 0.0, 0.0, 1],
        ["PER", 0.5, 1.0, 0.6667, 1],
    ]


def test_the_same_span_in_two_texts_counts_twice_and_twice_in_one_text_once():
    scores = entity_scores([([("A", 0, 1)] * 2, [("A", 0, 1)] * 3), ([("A", 0, 1)], [])])
    assert (scores.all.expected, scores.all.predicted, scores.all.right) == (2, 1, 1)


def test_overlapping_spans_and_one_span_of_two_types_are_told_apart():
    expected = {("A", 0, 3), ("B", 0, 3), ("A", 1, 2)}
    assert entity_scores([(expected, {("A", 0, 3), ("A", 1, 2)})]).all.f1 == pytest.approx(4 / 5)


@pytest.mark.parametrize("cases", [[], [(set(), set())]])
def test_nothing_expected_and_nothing_predicted_is_no_division_by_zero(cases):
    assert entity_scores(cases).metrics() == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
@pytest.mark.parametrize("seed", range(4))
def test_f1_equals_that_of_seqeval_in_strict_mode_also_for_tags_in_disorder(scheme, seed):
    metrics = pytest.importorskip("seqeval.metrics")
    modes = pytest.importorskip("seqeval.scheme")
    names, draw = TagSet(["PER", "LOC", "X-Y"], scheme).names, random.Random(seed)
    true = [draw.choices(names, k=draw.randint(1, 30)) for _ in range(40)]
    # Half of the predicted tags are those of the truth, so that some spans are right.
    guess = [[draw.choice([tag, draw.choice(names)]) for tag in row] for row in true]
    cases = [(spans_of(row, scheme), spans_of(other, scheme)) for row, other in zip(true, guess, strict=True)]
    found = entity_scores(cases).metrics()
    settings = {"mode": "strict", "scheme": {"BIO": modes.IOB2, "BIOES": modes.IOBES}[scheme], "zero_division": 0}
    assert found["f1"] > 0
    assert found["f1"] == pytest.approx(metrics.f1_score(true, guess, **settings))
    assert found["precision"] == pytest.approx(metrics.precision_score(true, guess, **settings))
    assert found["recall"] == pytest.approx(metrics.recall_score(true, guess, **settings))
    by_type = metrics.classification_report(true, guess, output_dict=True, **settings)
    for name, one in entity_scores(cases).by_type.items():
        assert one.f1 == pytest.approx(by_type[name]["f1-score"])


def test_an_inside_without_its_beginning_counts_for_seqeval_alone():
    metrics = pytest.importorskip("seqeval.metrics")
    tags = [["O", "I-PER", "I-PER"]]
    assert metrics.f1_score(tags, tags) == 1.0  # its default: what the strict mode, and we, do not count
    assert spans_of(tags[0], "BIO") == []


def test_the_confusion_of_types_counts_each_span_once_and_what_was_missed_or_is_none():
    cases = [
        ({("A", 0, 1), ("B", 2, 3), ("A", 5, 6)}, {("A", 0, 1), ("A", 2, 3), ("B", 7, 8)}),
        ({("A", 0, 1), ("B", 0, 1)}, {("B", 0, 1)}),
        (set(), set()),
    ]
    found = type_confusion(cases)
    assert found.rows == found.columns == ["A", "B", "(none)"]
    assert found.panels[""].tolist() == [[1, 0, 2], [1, 1, 0], [0, 1, 0]]
    assert found.counts
    assert type_confusion([]).panels[""].shape == (1, 1)
