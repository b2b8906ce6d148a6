"""F1 of arguments by common characters: by hand, and the pairing by all permutations."""

import itertools
import random

import pytest

from dougong.metrics.arguments import argument_scores, common_f1
from dougong.metrics.matching import greatest_sum

WIN, LOSE, CUP = ("胜负", "胜者"), ("胜负", "败者"), ("夺冠", "冠军")


def one(expected, predicted):
    """The scores of one text, of which each argument has one wording."""
    wanted = {role: [(wording,) for wording in wordings] for role, wordings in expected.items()}
    return argument_scores([(wanted, predicted)]).all


@pytest.mark.parametrize(
    ("predicted", "expected", "f1"),
    [
        ("甲队", "甲队", 1.0),
        ("甲", "甲队", 2 * 1 * 0.5 / (1 + 0.5)),  # 1 of 1 characters, 1 of 2
        ("甲队队员", "甲队", 2 * 0.5 * 1 / (0.5 + 1)),
        ("队甲", "甲队", 1.0),  # characters in common, wherever they stand
        ("甲甲", "甲队", 0.5),  # but each as often as both have it
        ("乙", "甲队", 0.0),
        ("", "甲", 0.0),
    ],
)
def test_a_pair_by_hand(predicted, expected, f1):
    assert common_f1(predicted, expected) == pytest.approx(f1)


def test_a_text_by_hand():
    # The winner is cut short (2/3), the loser has no match, the third role is missing: 2/3 of 2, and of 3.
    scores = one({WIN: ["甲队"], LOSE: ["乙队"], CUP: ["甲队"]}, {WIN: ["甲"], LOSE: ["丙"]})
    assert (scores.expected, scores.predicted) == (3, 2)
    assert scores.score == pytest.approx(2 / 3)
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.recall == pytest.approx(2 / 9)
    assert scores.f1 == pytest.approx(2 * (1 / 3) * (2 / 9) / (1 / 3 + 2 / 9))


def test_over_texts_sums_are_divided_not_averages_averaged():
    right, nothing = ({WIN: [("甲",)]}, {WIN: ["甲"]}), ({WIN: [("甲",)], LOSE: [("乙",)]}, {})
    scores = argument_scores([right, nothing])
    assert scores.metrics() == {"f1": 0.5, "precision": 1.0, "recall": 1 / 3}
    assert scores.table() == [
        ["event", "role", "precision", "recall", "f1", "support"],
        ["胜负", "胜者", 1.0, 0.5, 0.6667, 2],
        ["胜负", "败者", 0.0, 0.0, 0.0, 1],
    ]


def test_the_right_wording_in_another_role_or_event_type_scores_nothing():
    assert one({WIN: ["甲队"]}, {LOSE: ["甲队"]}).score == 0
    assert one({WIN: ["甲队"]}, {("夺冠", "胜者"): ["甲队"]}).score == 0


def test_the_best_of_an_arguments_wordings_counts_and_letter_case_does_not():
    scores = argument_scores([({WIN: [("皇家马德里", "皇马", "Real")]}, {WIN: ["REAL"]})]).all
    assert (scores.expected, scores.score) == (1, 1.0)


def test_a_wording_counts_once_however_often_it_is_given():
    scores = one({WIN: ["甲", "甲"]}, {WIN: ["甲", "甲", "甲"]})
    assert (scores.expected, scores.predicted, scores.score) == (1, 1, 1.0)
    # Another event gives the same argument another alias.
    scores = argument_scores([({WIN: [("皇马",), ("皇马", "白衣军团")]}, {WIN: ["白衣军团"]})]).all
    assert (scores.expected, scores.score) == (1, 1.0)


def test_two_arguments_of_a_role_are_both_expected_and_each_scores_once():
    assert one({WIN: ["甲", "乙"]}, {WIN: ["甲"]}).recall == 0.5
    # Both predictions are like the one argument, and only the better one can have it.
    scores = one({WIN: ["北京市"]}, {WIN: ["北京", "北京市"]})
    assert (scores.score, scores.precision) == (1.0, 0.5)


def test_pairs_are_chosen_for_the_greatest_sum_not_one_after_the_other():
    # Taking the best pair first, "abc" with "abc" and 0 for the rest, would give 1.
    scores = one({WIN: ["abc", "abcx"]}, {WIN: ["abc", "ab"]})
    assert scores.score == pytest.approx(max(1.0 + 2 * 2 / 6, 2 * 3 / 7 + 2 * 2 / 5))


def test_nothing_expected_and_nothing_predicted_is_no_score():
    assert argument_scores([({}, {})]).metrics() == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    assert argument_scores([]).table() == [["event", "role", "precision", "recall", "f1", "support"]]


def test_the_greatest_sum_is_that_of_the_best_permutation():
    draw = random.Random(0)
    for _ in range(500):
        rows, columns = draw.randint(0, 5), draw.randint(0, 5)
        scores = [[draw.choice([0.0, 0.5, 1.0, draw.random()]) for _ in range(columns)] for _ in range(rows)]
        table = scores if rows <= columns else list(zip(*scores, strict=True))
        ways = itertools.permutations(range(max(rows, columns)), min(rows, columns))
        best = max(sum(row[column] for row, column in zip(table, way, strict=True)) for way in ways)
        assert greatest_sum(scores) == pytest.approx(best)
