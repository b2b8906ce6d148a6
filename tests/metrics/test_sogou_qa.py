"""The metric of SogouQA, on cases that were computed by hand."""

import pytest

from dougong.metrics.sogou_qa import character_f1, is_right, normalised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＡＢＣ　１２３", "abc123"),  # full width, and its space
        ("《三体》 第2部。", "三体第2部"),
        ("0.1纳米", "01纳米"),
        ("Waltdisney", "waltdisney"),
        (" \t\n", ""),
        ("……——！？", ""),
        ("罗温·艾金森（Rowan）", "罗温艾金森rowan"),
        ("１２％", "12"),
    ],
)
def test_width_case_punctuation_and_spaces_do_not_count(text, expected):
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("prediction", "accepted", "right"),
    [
        ("林海音", ("林海音", "林含英"), True),
        ("林含英。", ("林海音", "林含英"), True),
        ("林海", ("林海音",), False),
        ("ｋｅｙ社", ("key", "key社"), True),
        ("奥本海默", ("奥本.海默",), True),
        ("中国 巴西 印度", ("巴西 印度 中国",), True),  # the parts in another order
        ("中国、巴西、印度", ("巴西 印度 中国",), True),
        ("中国 巴西", ("巴西 印度 中国",), False),
        ("中国巴西", ("甲", "巴西 中国"), False),  # other orders are those of the first alone
        ("", ("甲",), False),
        ("  ", ("甲",), False),
        ("", (), True),
        ("甲", (), False),
    ],
)
def test_an_answer_is_right_if_it_is_accepted_as_it_is_compared(prediction, accepted, right):
    assert is_right(prediction, accepted) is right


@pytest.mark.parametrize(
    ("prediction", "accepted", "f1"),
    [
        ("雨花区", ("雨花区",), 1.0),
        ("雨花", ("雨花区",), 2 * 2 / (2 + 3)),
        ("长沙雨花区", ("雨花", "雨花区"), 2 * 3 / (5 + 3)),  # the best of all
        ("区花雨", ("雨花区",), 1.0),  # in any order
        ("花花", ("雨花区",), 2 * 1 / (2 + 3)),  # each character as often as it is there
        ("《雨花区》", ("雨花 区",), 1.0),
        ("北京", ("雨花区",), 0.0),
        ("", ("雨花区",), 0.0),
        ("", (), 1.0),
        ("。", ("雨",), 0.0),
    ],
)
def test_f1_is_that_of_characters_with_the_best_accepted_answer(prediction, accepted, f1):
    assert character_f1(prediction, accepted) == pytest.approx(f1)
