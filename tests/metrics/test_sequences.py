"""How near a written text is: figures by hand."""

import pytest

from dougong.metrics.sequences import sequence_scores, units


def test_chinese_characters_and_marks_are_units_and_so_are_words_of_other_scripts():
    assert units("用BERT-base做3个Test，好") == ["用", "bert", "-", "base", "做", "3", "个", "test", "，", "好"]
    assert units("Жар 한국어 naïve") == ["жар", "한국어", "naïve"]
    assert units("") == []


def test_rouge_by_hand():
    # Shared: 4 of 4 and 5 characters, 2 of 3 and 4 pairs, and 3 in order without the last.
    found = sequence_scores(["甲乙丙丁"], ["甲乙丁丙戊"])
    assert found["rouge_1"] == pytest.approx(2 * (4 / 4) * (4 / 5) / (4 / 4 + 4 / 5))
    assert found["rouge_2"] == pytest.approx(2 * (1 / 3) * (1 / 4) / (1 / 3 + 1 / 4))
    assert found["rouge_l"] == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))


def test_bleu_by_hand():
    # 1- to 4-grams: 5 of 6, 4 of 5, 3 of 4, 2 of 3; as long as what was expected.
    found = sequence_scores(["甲乙丙丁戊子"], ["甲乙丙丁戊己"])
    assert found["bleu"] == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)


def test_what_agrees_in_all_units_is_exact_whatever_its_spaces_and_case():
    found = sequence_scores(["甲 乙", "A b", "甲", ""], ["甲乙", "a B", "乙", ""])
    assert found["exact_match"] == 0.75


def test_each_end_is_counted_in_its_place():
    found = sequence_scores(["甲乙丙丁戊己"], ["甲乙丙午戊己"])
    assert (found["first_four"], found["last_four"]) == (0.75, 0.75)
    shifted = sequence_scores(["子甲乙丙丁"], ["甲乙丙丁"])
    assert (shifted["first_four"], shifted["last_four"]) == (0.0, 1.0)
    short = sequence_scores(["甲"], ["甲乙"])
    assert (short["first_four"], short["last_four"]) == (0.5, 0.0)


def test_the_same_is_perfect_and_nothing_is_nothing():
    same = sequence_scores(["甲乙丙丁戊"], ["甲乙丙丁戊"])
    assert all(value == pytest.approx(1.0) for value in same.values())
    assert all(value == 0.0 for value in sequence_scores([""], ["甲乙丙丁"]).values())
    assert all(value == 0.0 for value in sequence_scores([], []).values())
