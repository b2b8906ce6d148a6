"""Tokens, and where in the original text each of them stands."""

import subprocess
import sys
from pathlib import Path

import pytest
from runs import SHARED_DATA

from dougong.contracts.tokenizer import SPECIAL_TOKENS, Tokenizer
from dougong.errors import UserError
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer

VOCAB = SHARED_DATA / "vocab" / "bert_chinese_vocab.txt"
TEXTS = [
    "我喜欢这本书。",
    "ＡＢＣ１２３　全角！",  # full-width forms and the ideographic space
    "Café RÉSUMÉ naïve e\u0301",  # accents, composed and not
    "好👍🏽的👨‍👩‍👧书🇨🇳",  # emoji of several code points
    "iPhone X 比 iPhone Xs 好",
    "İstanbul ﬁne ß",  # characters that become two when lower-cased or normalised
    "a\tb\nc  d",
    "",
    " ",
    "\u200b零宽\ufeff",
]


def fitted(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.fit(TEXTS * 2)
    return tokenizer


def each() -> list:
    made = [
        ("character", lambda: CharacterTokenizer()),
        ("character, case and space kept", lambda: CharacterTokenizer(lowercase=False, keep_whitespace=True)),
        ("byte", lambda: ByteTokenizer()),
        ("wordpiece learnt", lambda: WordPieceTokenizer(vocab_size=300)),
        ("wordpiece cased", lambda: WordPieceTokenizer(vocab_size=300, lowercase=False)),
    ]
    there = pytest.mark.skipif(not VOCAB.is_file(), reason="no ../shared/data/vocab beside the checkout")
    given = pytest.param(lambda: WordPieceTokenizer(vocab=str(VOCAB)), id="wordpiece given", marks=there)
    return [*(pytest.param(make, id=name) for name, make in made), given]


@pytest.fixture(params=each())
def tokenizer(request) -> Tokenizer:
    return fitted(request.param())


def test_offsets_are_slices_of_the_original_text_in_order(tokenizer):
    for text in TEXTS:
        (encoding,) = tokenizer.encode([text])
        last = 0
        for token, (start, end), special in zip(
            encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True
        ):
            if special:
                continue
            assert 0 <= start <= end <= len(text)
            assert start >= last or text[start:end] == text[last:end]
            last = start
            if token not in SPECIAL_TOKENS and text[start:end].isascii() and text[start:end].strip():
                assert token.removeprefix("##").lower() == text[start:end].lower()


def test_tokens_and_gaps_between_them_make_up_the_text(tokenizer):
    """What no token covers is white space, or nothing that is seen."""
    for text in TEXTS:
        (encoding,) = tokenizer.encode([text])
        covered = {place for start, end in encoding.offsets for place in range(start, end)}
        left = "".join(character for place, character in enumerate(text) if place not in covered)
        assert left.strip("\u200b\ufeff\u200d\ufe0f\u0301 \t\n\u3000") == ""


def test_what_state_tells_is_all_there_is_to_know(tokenizer):
    restored = type(tokenizer)()
    restored.restore(tokenizer.state())
    assert restored.size == tokenizer.size
    assert restored.state() == tokenizer.state()
    for one, other in zip(tokenizer.encode(TEXTS), restored.encode(TEXTS), strict=True):
        assert (one.ids, one.offsets) == (other.ids, other.offsets)


def test_start_and_end_frame_each_text_and_stay_when_it_is_cut(tokenizer):
    for encoding in tokenizer.encode(TEXTS, max_length=5):
        assert len(encoding.ids) <= 5
        assert encoding.tokens[0] == "[CLS]"
        assert encoding.tokens[-1] == "[SEP]"
    assert max(len(encoding.ids) for encoding in tokenizer.encode(TEXTS)) > 5


def test_pairs_are_two_segments(tokenizer):
    (encoding,) = tokenizer.encode([("好书", "坏书")])
    assert encoding.tokens.count("[SEP]") == 2
    assert set(encoding.type_ids) == {0, 1}


def test_special_tokens_have_numbers_of_their_own(tokenizer):
    numbers = [tokenizer.identity(token) for token in SPECIAL_TOKENS]
    assert len(set(numbers)) == len(SPECIAL_TOKENS)
    assert max(numbers) < tokenizer.size
    assert tokenizer.padding_id == tokenizer.identity("[PAD]")


def test_characters_are_one_token_each_and_rare_ones_unknown():
    tokenizer = CharacterTokenizer(min_count=2)
    tokenizer.fit(["好好书", "A a"])
    (encoding,) = tokenizer.encode(["好 书A"])
    assert encoding.tokens == ["[CLS]", "好", "[UNK]", "a", "[SEP]"]
    assert encoding.offsets[1:-1] == [(0, 1), (2, 3), (3, 4)]


def test_characters_that_lower_to_two_point_to_the_one_they_were():
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(["İi"])
    (encoding,) = tokenizer.encode(["xİi"])
    assert set(encoding.offsets[1:-1]) == {(0, 1), (1, 2), (2, 3)}


@pytest.mark.skipif(not VOCAB.is_file(), reason="no ../shared/data/vocab beside the checkout")
def test_the_published_vocabulary_keeps_its_numbers():
    lines = VOCAB.read_bytes().decode().split("\n")
    lines = [line.rstrip("\r") for line in lines[: -1 if not lines[-1] else None]]
    tokenizer = WordPieceTokenizer(vocab=str(VOCAB))
    tokenizer.fit([])
    assert tokenizer.size == len(lines)
    assert [tokenizer.core.token_to_id(line) for line in lines] == list(range(len(lines)))
    (encoding,) = tokenizer.encode(["Ｉ 爱 Playing"])
    assert encoding.tokens[1:-1] == ["ｉ", "爱", "play", "##ing"]
    assert encoding.offsets[1:-1] == [(0, 1), (2, 3), (4, 8), (8, 11)]


HOSTILE = {
    "not UTF-8": (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\xff\n", "not UTF-8"),
    "no special tokens": ("好\n书\n".encode(), r"has no \[PAD\], \[UNK\]"),
    "a token twice": ("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n好\n好\n".encode(), "`好` twice"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_vocabulary_that_is_none_is_an_error_that_names_the_file(tmp_path: Path, case):
    content, reason = HOSTILE[case]
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(UserError, match=reason) as caught:
        WordPieceTokenizer(vocab=str(tmp_path / "vocab.txt")).fit([])
    assert "vocab.txt" in str(caught.value)
    with pytest.raises(UserError, match=r"tokenizer\.vocab: .* does not exist"):
        WordPieceTokenizer(vocab=str(tmp_path / "other.txt")).fit([])


def test_characters_that_some_call_line_ends_do_not_cut_a_vocabulary(tmp_path):
    tokens = [*SPECIAL_TOKENS, "a", "\u2028", "\x85", "b"]
    (tmp_path / "vocab.txt").write_text("\r\n".join(tokens), encoding="utf-8", newline="")
    tokenizer = WordPieceTokenizer(vocab=str(tmp_path / "vocab.txt"))
    tokenizer.fit([])
    assert tokenizer.identity("b") == 8


EXACT = {
    "byte": ByteTokenizer,
    "character": lambda: CharacterTokenizer(min_count=1, lowercase=False, keep_whitespace=True),
}


@pytest.mark.parametrize("name", EXACT)
def test_tokens_without_their_frame_are_the_text_and_nothing_but_the_text(name):
    texts = [*TEXTS, "[CLS] is a word here, and so is [MASK]", "\r\n\x00\x7f\u2028", "a" * 5000]
    tokenizer = EXACT[name]()
    tokenizer.fit(texts)
    for text, numbers in zip(texts, tokenizer.numbers(texts), strict=True):
        assert tokenizer.decode(numbers.tolist()) == text
        assert not set(numbers) & set(tokenizer.special_ids)
    assert tokenizer.encode(["[MASK]"])[0].ids[1] == tokenizer.identity("[MASK]")


def test_every_byte_is_a_token_of_its_own():
    tokenizer = ByteTokenizer()
    tokenizer.fit([])
    assert tokenizer.size == 256 + len(SPECIAL_TOKENS)
    text = "".join(map(chr, range(0x250))) + "好👍\U0010ffff"
    (numbers,) = tokenizer.numbers([text])
    assert (numbers - len(SPECIAL_TOKENS)).tolist() == list(text.encode())
    assert tokenizer.encode([text])[0].ids[1:-1] == numbers.tolist()


def test_a_vocabulary_is_learnt_alike_from_texts_that_can_be_gone_through_once_or_often():
    learnt = []
    for texts in (TEXTS, iter(TEXTS)):
        tokenizer = WordPieceTokenizer(vocab_size=200)
        tokenizer.fit(texts)
        learnt.append(tokenizer.state())
    assert learnt[0] == learnt[1]


LEARN = """
from dougong_plugins.data.toy import Toy
from dougong.data.records import PlainText
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer
import hashlib, sys
tokenizer = WordPieceTokenizer(vocab_size=400)
tokenizer.fit(record.text for record in Toy(size=60).records("train", PlainText))
print(hashlib.sha256(tokenizer.state().encode()).hexdigest())
"""


def test_what_is_learnt_is_the_same_in_every_process():
    """Otherwise the same seed would not make the same run."""
    runs = [subprocess.run([sys.executable, "-c", LEARN], capture_output=True, text=True, check=True) for _ in range(3)]
    assert len({run.stdout for run in runs}) == 1
