"""Where else a text says the same."""

import pytest

from dougong.data.mentions import mentions
from dougong.data.records import Span


@pytest.mark.parametrize(
    ("text", "start", "size", "expected"),
    [
        ("甲乙甲丙甲", 2, 1, [(0, 1), (2, 3), (4, 5)]),
        ("甲乙", 0, 2, [(0, 2)]),
        # None within another, whichever was given.
        ("哈哈哈哈哈", 0, 2, [(0, 2), (2, 4)]),
        ("哈哈哈哈哈", 1, 2, [(1, 3), (3, 5)]),
        ("哈哈哈哈哈", 3, 2, [(1, 3), (3, 5)]),
        ("aAa", 0, 1, [(0, 1), (2, 3)]),
    ],
)
def test_every_mention_once_and_the_given_one_among_them(text, start, size, expected):
    found = list(mentions(text, Span(text[start : start + size], start, start + size)))
    assert sorted(found) == expected
    assert len(set(found)) == len(found)
