"""The paired bootstrap says what is sure."""

import numpy as np
import pytest

from dougong.runs.bootstrap import compare, resampled_means


def compared(first, second, draws=4000):
    scores = np.stack([first, second])
    return compare(scores, resampled_means(scores, draws), 0, 1)


def test_equal_variants_do_not_differ():
    scores = np.random.default_rng(0).random(50)
    result = compared(scores, scores)
    assert (result.difference, result.low, result.high, result.p) == (0, 0, 0, 1)


def test_the_interval_is_that_of_the_paired_differences():
    random = np.random.default_rng(1)
    hard = random.random(400)
    first, second = hard + random.normal(0, 0.1, 400), hard + random.normal(0.02, 0.1, 400)
    result = compared(first, second)
    error = (second - first).std() / 20  # the standard error of a mean of 400
    assert result.difference == pytest.approx((second - first).mean())
    assert result.high - result.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_of_two_equally_good_systems_one_in_twenty_seems_better():
    random = np.random.default_rng(2)
    found = [compared(random.integers(0, 2, 100) * 1.0, random.integers(0, 2, 100) * 1.0, 500).p for _ in range(200)]
    assert 2 <= sum(p < 0.05 for p in found) <= 22


def test_swapping_the_two_turns_the_result_around():
    random = np.random.default_rng(3)
    first, second = random.random((2, 60))
    one, other = compared(first, second), compared(second, first)
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert one.p == other.p


def test_p_is_never_zero():
    assert 0 < compared(np.zeros(30), np.ones(30)).p < 0.001


def test_many_records_are_drawn_in_parts_with_the_same_result(monkeypatch):
    scores = np.random.default_rng(4).random((3, 40))
    whole = resampled_means(scores, 100)
    monkeypatch.setattr("dougong.runs.bootstrap.CELLS", 400)
    assert np.allclose(resampled_means(scores, 100), whole)
