"""Tokens and the characters that they stand for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dougong.data.alignment import windows
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer

HARD = "Ｃａｆé ÀÉ ①２ ﬁne\u200bx 👩‍👧 İstanbul [SEP] 北京ABC e\u0301a\r\n tail "


def fitted(kind):
    tokenizer = kind()
    tokenizer.fit([HARD] * 3)
    return tokenizer


@pytest.mark.parametrize("kind", [WordPieceTokenizer, CharacterTokenizer, ByteTokenizer])
@given(text=st.text(st.sampled_from(HARD), max_size=40))
def test_tokens_stand_for_slices_of_the_original_in_order(kind, text):
    aligned = fitted(kind).align([text])[0]
    assert (aligned.starts[1:] >= aligned.starts[:-1]).all()
    assert (aligned.ends[1:] >= aligned.ends[:-1]).all()
    dropped = set(range(len(text)))
    for start, end in zip(aligned.starts.tolist(), aligned.ends.tolist(), strict=True):
        assert 0 <= start < end <= len(text)
        dropped -= set(range(start, end))
    assert all(text[number].isspace() or text[number] in "\u0301\u200b\u200d" for number in dropped)


@pytest.mark.parametrize("kind", [WordPieceTokenizer, CharacterTokenizer, ByteTokenizer])
@given(text=st.text(st.sampled_from(HARD), min_size=1, max_size=40), data=st.data())
def test_the_tokens_of_a_slice_cover_it_and_no_fewer_tokens_do(kind, text, data):
    aligned = fitted(kind).align([text])[0]
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = aligned.tokens(start, end)
    meeting = [
        number
        for number, (begin, stop) in enumerate(zip(aligned.starts, aligned.ends, strict=True))
        if begin < end and stop > start
    ]
    assert found == ((meeting[0], meeting[-1]) if meeting else None)


@given(st.integers(0, 90), st.integers(1, 30), st.data())
def test_every_token_is_at_home_in_one_window_with_room_on_both_sides(count, length, data):
    overlap = data.draw(st.integers(0, length - 1))
    found = list(windows(count, length, overlap))
    assert [token for window in found for token in range(window.home, window.away)] == list(range(count))
    for window in found:
        assert window.begin <= window.home <= window.away <= window.end <= window.begin + length
        for token in range(window.home, window.away):
            assert window.begin == 0 or token - window.begin >= (overlap + 1) // 2
            assert window.end == count or window.end - 1 - token >= overlap // 2
    assert all(after.begin == before.end - overlap for before, after in itertools.pairwise(found))


def test_an_overlap_as_long_as_a_window_never_ends_and_is_refused():
    with pytest.raises(ValueError, match="overlap of 4"):
        list(windows(10, 4, 4))
