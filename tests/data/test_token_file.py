"""A corpus in a file: blocks are views of it, documents stay apart, and nothing is read twice that was kept."""

from itertools import pairwise

import numpy as np
import pytest

from dougong.data import token_file
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer

TEXTS = ["abcdefg", "", "xy", "好👍 the end " * 20, "z"]


def fitted(tokenizer=None):
    tokenizer = tokenizer or ByteTokenizer()
    tokenizer.fit(TEXTS)
    return tokenizer


def stored(folder, texts=TEXTS, identity=None, tokenizer=None):
    return TokenStore(folder, identity).documents(fitted(tokenizer), [PlainText(text) for text in texts])


def rows(examples):
    return [examples.columns["tokens"].row(number).tolist() for number in range(len(examples))]


def test_documents_are_framed_and_come_back_exactly(tmp_path):
    found, tokenizer = stored(tmp_path), fitted()
    start, end = tokenizer.identity("[CLS]"), tokenizer.identity("[SEP]")
    begins = [0, *found.ends[:-1]]
    documents = [found.tokens[begin:stop].tolist() for begin, stop in zip(begins, found.ends, strict=True)]
    assert [tokenizer.decode(row) for row in documents] == TEXTS
    assert all(row[0] == start and row[-1] == end for row in documents)
    assert found.characters.tolist() == [len(text) for text in TEXTS]
    assert isinstance(found.tokens, np.memmap)


def test_pieces_of_a_document_are_one_document(tmp_path):
    pieces = [PlainText("ab"), PlainText("cd", continues=True), PlainText("e"), PlainText("f", continues=True)]
    found = TokenStore(tmp_path).documents(fitted(), pieces)
    assert found.tokens.tolist() == stored(tmp_path, ["abcd", "ef"]).tokens.tolist()
    assert found.characters.tolist() == [4, 2]


@pytest.mark.parametrize("overlap", [0, 1])
@pytest.mark.parametrize("length", [2, 3, 8, 1000])
@pytest.mark.parametrize("across", [False, True])
def test_blocks_hold_every_token_once_but_for_their_overlap(tmp_path, length, overlap, across):
    found = stored(tmp_path)
    examples = found.blocks(length, overlap, across)
    assert max(examples.lengths) <= length
    assert min(examples.lengths) > overlap
    cut = [row[overlap:] for row in rows(examples)]
    ends = [0, *(found.ends[-1:] if across else found.ends)]
    expected = [found.tokens[begin + overlap : end].tolist() for begin, end in pairwise(ends)]
    assert [token for row in cut for token in row] == [token for row in expected for token in row]
    assert np.asarray(examples.columns["characters"].values).sum() == pytest.approx(sum(map(len, TEXTS)), rel=1e-6)


def test_no_block_holds_tokens_of_two_documents_unless_asked(tmp_path):
    tokenizer = fitted()
    start = tokenizer.identity("[CLS]")
    found = stored(tmp_path)
    assert all(start not in row[1:] for row in rows(found.blocks(16, 1)))
    assert any(start in row[1:] for row in rows(found.blocks(16, 1, across=True)))


def test_what_was_kept_is_taken_and_what_is_damaged_or_differs_is_not(tmp_path):
    stored(tmp_path, identity="one")
    (kept,) = tmp_path.iterdir()
    assert stored(tmp_path, ["other"], identity="one").characters.tolist() == [len(text) for text in TEXTS]
    assert stored(tmp_path, ["other"], identity="two").characters.tolist() == [5]
    assert stored(tmp_path, ["other"], identity="one", tokenizer=CharacterTokenizer()).characters.tolist() == [5]
    (kept / "tokens.bin").write_bytes(b"short")
    assert stored(tmp_path, ["again"], identity="one").characters.tolist() == [5]


def test_records_that_nothing_identifies_are_read_again(tmp_path):
    stored(tmp_path)
    assert stored(tmp_path, ["other"]).characters.tolist() == [5]


def test_a_reading_that_fails_leaves_nothing_behind(tmp_path):
    def records():
        yield PlainText("a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        TokenStore(tmp_path, "one").documents(fitted(), records())
    assert not list(tmp_path.iterdir())


def test_a_tokenizer_with_losses_is_told_of(tmp_path, caplog):
    stored(tmp_path, ["a b"], tokenizer=CharacterTokenizer(min_count=1))
    assert "does not keep the text" in caplog.text
    caplog.clear()
    stored(tmp_path)
    kept = CharacterTokenizer(min_count=1, lowercase=False, keep_whitespace=True)
    stored(tmp_path, tokenizer=kept)
    assert not caplog.text


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_tokens_of_several_processes_are_those_of_one(tmp_path, monkeypatch):
    monkeypatch.setattr(token_file, "TOGETHER", 8)
    texts = [f"text {number} 好" * (number % 4) for number in range(60)]
    records = [PlainText(text, continues=number % 7 == 3) for number, text in enumerate(texts)]
    one = TokenStore(tmp_path / "one").documents(fitted(), records)
    three = TokenStore(tmp_path / "three", processes=3).documents(fitted(), records)
    assert three.tokens.tolist() == one.tokens.tolist()
    assert (three.ends.tolist(), three.characters.tolist()) == (one.ends.tolist(), one.characters.tolist())


def test_a_bit_that_fell_over_in_kept_tokens_is_noticed(tmp_path):
    stored(tmp_path, identity="one")
    (kept,) = tmp_path.iterdir()
    content = bytearray((kept / "tokens.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (kept / "tokens.bin").write_bytes(content)
    assert stored(tmp_path, ["again"], identity="one").characters.tolist() == [5]
