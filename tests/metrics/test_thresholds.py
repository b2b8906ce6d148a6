"""Counts at thresholds are what counting by hand gives."""

import numpy as np
import pytest

from dougong.contracts.drawing import PrecisionRecall
from dougong.metrics.thresholds import threshold_counts


@pytest.mark.parametrize("size", [1, 7, 500])
def test_counts_equal_those_by_hand_ties_with_thresholds_included(size):
    random = np.random.default_rng(size)
    positive, scores = random.random(size) < 0.4, np.round(random.random(size), 2)
    counts = threshold_counts(positive, scores, 11)
    for threshold, true, false in zip(counts.thresholds, counts.true_positives, counts.false_positives, strict=True):
        assert true == sum(positive & (scores >= threshold))
        assert false == sum(~positive & (scores >= threshold))
    assert (counts.positives, counts.negatives) == (positive.sum(), (~positive).sum())


def test_precision_and_recall_equal_scikit_learns():
    reference = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    positive, scores = random.random(300) < 0.3, random.random(300)
    counts = threshold_counts(positive, scores)
    for at in range(0, 95, 7):
        taken = scores >= counts.thresholds[at]
        assert counts.precision[at] == pytest.approx(reference.precision_score(positive, taken))
        assert counts.recall[at] == pytest.approx(reference.recall_score(positive, taken))


def test_nothing_taken_and_nothing_there_are_no_division_by_zero():
    counts = threshold_counts(np.array([False, False]), np.array([0.1, 0.2]))
    assert counts.precision[-1] == 1
    assert counts.recall.tolist() == [0.0] * 101
    assert len(list(PrecisionRecall({"a": counts}).rows())) == 101
