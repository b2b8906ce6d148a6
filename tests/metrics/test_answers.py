"""Exact match and F1 as the official scripts of CMRC 2018 and SQuAD define them; all figures are worked out by hand."""

import pytest

from dougong.metrics.answers import answer_f1, exact_match, segments, units_of
from dougong.metrics.words import treebank_words

CHINESE = [
    # prediction, references, exact match, F1
    ("北京", ["北京"], 1, 1.0),
    ("《北京》。", ["北京"], 1, 1.0),
    ("北京市", ["北京"], 0, 4 / 5),
    ("上海", ["北京"], 0, 0.0),
    ("", ["北京"], 0, 0.0),
    # The common run must have no gap: 一二 or 三四, not all four.
    ("一二三四", ["一二五三四"], 0, 2 * 2 / (4 + 5)),
    # The better reference counts, for each of the two by itself.
    ("光荣", ["光荣和任天堂", "光荣公司"], 0, 2 * 2 / (2 + 4)),
    # A number is one segment, and so is a word of another script; case does not matter.
    ("1990年", ["1991年"], 0, 2 * 1 / (2 + 2)),
    ("IPHONE 4手机", ["iphone 5手机"], 0, 2 * 2 / (4 + 4)),
    # Punctuation goes before words are cut.
    ("ω-Force", ["ωforce"], 1, 1.0),
    # What is not in the script's list of punctuation stays: the single dots of an ellipsis, say.
    ("等…", ["等"], 0, 2 / 3),
    ("100%的", ["100的"], 0, 2 * 1 / (3 + 2)),
]
ENGLISH = [
    ("the Cat", ["a cat!"], 1, 1.0),
    ("cat", ["the black cat"], 0, 2 / 3),
    ("cat black", ["black cat"], 0, 1.0),
    ("cat cat", ["cat"], 0, 2 / 3),
    ("dog", ["cat"], 0, 0.0),
    ("a", ["the"], 1, 1.0),  # nothing is left of either
    ("dog", ["the"], 0, 0.0),
    ("U.S.", ["us"], 1, 1.0),
    ("", ["cat"], 0, 0.0),
]


@pytest.mark.parametrize(("prediction", "references", "exact", "f1"), CHINESE)
def test_characters_as_cmrc_2018(prediction, references, exact, f1):
    assert exact_match(prediction, references, "characters") == exact
    assert answer_f1(prediction, references, "characters") == pytest.approx(f1, abs=1e-12)


@pytest.mark.parametrize(("prediction", "references", "exact", "f1"), ENGLISH)
def test_words_as_squad(prediction, references, exact, f1):
    assert exact_match(prediction, references, "words") == exact
    assert answer_f1(prediction, references, "words") == pytest.approx(f1, abs=1e-12)


@pytest.mark.parametrize("units", ["characters", "words"])
def test_a_question_without_an_answer_is_right_when_nothing_is_answered(units):
    assert exact_match("", [], units) == answer_f1("", [], units) == 1.0
    assert exact_match("北京 cat", [], units) == answer_f1("北京 cat", [], units) == 0.0


def test_the_units_follow_from_the_texts():
    assert units_of("Who?", "the cat") == "words"
    assert units_of("Who?", "北京") == "characters"
    assert units_of("谁？", "iPhone") == "characters"


def test_segments_are_chinese_characters_and_the_words_between_them():
    expected = ["他", "在", "nba", "打", "了", "82", "场", "得", "3,000", "分"]
    assert segments("他在NBA打了 82 场，得3,000分。") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3,000 m, 2.5 km.", ["3,000", "m", ",", "2.5", "km", "."]),
        ("don't say it's o'clock", ["do", "n't", "say", "it", "'s", "o'clock"]),
        ('"so," he said. "no!"', ["``", "so", ",", "''", "he", "said.", "``", "no", "!", "''"]),
        ("(a) [b] 5% ... u.s.", ["(", "a", ")", "[", "b", "]", "5", "%", "...", "u.s", "."]),
        ("we cannot", ["we", "can", "not"]),
        ("", []),
    ],
)
def test_words_are_cut_as_the_penn_treebank_does(text, words):
    assert treebank_words(text) == words


def test_words_are_those_of_nltk():
    nltk = pytest.importorskip("nltk.tokenize", reason="NLTK is what the official script of CMRC 2018 cuts words with")
    cut = nltk.NLTKWordTokenizer().tokenize
    texts = ["it's 1,234.5 'quoted' words -- they're \"fine\".", "what?! no; #5 & $3 @home <b>", "l'été, gonna go.)"]
    for text in texts:
        assert treebank_words(text.replace("-", "")) == cut(text.replace("-", ""))


def test_a_very_long_answer_takes_no_time_to_speak_of():
    assert exact_match("字" * 100_000, ["字" * 100_000], "characters") == 1
    assert treebank_words("'" * 20_000 + "a" * 20_000)
    assert treebank_words("x" + "'s" * 20_000)
