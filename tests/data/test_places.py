"""Where wordings stand in a text."""

import pytest

from dougong.data.places import locate, places
from dougong.data.records import Span


def found(text: str, wording: str) -> list[tuple[int, int]]:
    spans = places(text, wording)
    assert all(text[span.start : span.end] == span.text for span in spans)
    return [(span.start, span.end) for span in spans]


@pytest.mark.parametrize(
    ("text", "wording", "expected"),
    [
        ("北京在北京", "北京", [(0, 2), (3, 5)]),
        ("aaaa", "aa", [(0, 2), (2, 4)]),
        ("Roma and Rome and Romeo", "Rome", [(9, 13)]),
        ("Romeo", "Rome", [(0, 4)]),
        ("2014, 14", "14", [(6, 8)]),
        ("李明and王", "李明", [(0, 2)]),
        ("(a+b) a+b", "a+b", [(1, 4), (6, 9)]),
        ("PARIS, paris", "Paris", [(0, 5), (7, 12)]),
        ("Paris, paris", "Paris", [(0, 5)]),
        ("👩‍🚀 e\u0301 e\u0301", "e\u0301", [(4, 6), (7, 9)]),
        ("", "a", []),
        ("abc", "", []),
        ("京" * 10**6 + "都", "都", [(10**6, 10**6 + 1)]),
    ],
)
def test_all_places_but_those_within_other_words(text, wording, expected):
    assert found(text, wording) == expected


def test_a_place_is_no_part_of_a_longer_one_if_there_is_another():
    text = "北京大学在北京"
    assert locate(text, ["北京", "北京大学", "上海"]) == {
        "北京大学": Span("北京大学", 0, 4),
        "北京": Span("北京", 5, 7),
        "上海": None,
    }
    assert locate("北京大学", ["北京", "北京大学"])["北京"] == Span("北京", 0, 2)
    assert locate(text, []) == {}
