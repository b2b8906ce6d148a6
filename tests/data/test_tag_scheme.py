"""Tags and the spans that they mark."""

import itertools
import random

import numpy as np
import pytest

from dougong.data.tag_scheme import TagSet, spans_of

SCHEMES = pytest.mark.parametrize("scheme", ["BIO", "BIOES"])


def test_tags_of_spans():
    spans = [("PER", 0, 0), ("LOC", 1, 3), ("PER", 4, 5)]
    for scheme, expected in (
        ("BIO", "B-PER B-LOC I-LOC I-LOC B-PER I-PER O"),
        ("BIOES", "S-PER B-LOC I-LOC E-LOC B-PER E-PER O"),
    ):
        tags = TagSet(["LOC", "PER"], scheme)
        numbers, left_out = tags.encode(spans, 7)
        assert " ".join(tags.names[number] for number in numbers) == expected
        assert left_out == 0
        assert tags.decode(numbers) == spans


@SCHEMES
def test_spans_that_do_not_overlap_come_back(scheme):
    draw = random.Random(0)
    tags = TagSet(["A", "B", "C"], scheme)
    for _ in range(200):
        cuts = sorted(draw.sample(range(30), 8))
        spans = [(draw.choice("ABC"), first, last) for first, last in zip(cuts[::2], cuts[1::2], strict=True)]
        numbers, left_out = tags.encode(draw.sample(spans, len(spans)), 30)
        assert tags.decode(numbers) == spans
        assert left_out == 0


@SCHEMES
def test_of_spans_that_overlap_the_first_and_longest_is_tagged_and_the_others_counted(scheme):
    tags = TagSet(["A", "B"], scheme)
    spans = [("A", 2, 4), ("B", 2, 6), ("A", 6, 7), ("B", 7, 7), ("B", 2, 6)]
    numbers, left_out = tags.encode(spans, 9)
    assert tags.decode(numbers) == [("B", 2, 6), ("B", 7, 7)]
    assert left_out == 2


@pytest.mark.parametrize(
    ("tags", "scheme", "spans"),
    [
        ("I-A I-A O", "BIO", []),
        ("B-A I-B", "BIO", [("A", 0, 0)]),
        ("B-A B-A I-A", "BIO", [("A", 0, 0), ("A", 1, 2)]),
        ("B-A I-A", "BIOES", []),
        ("B-A E-B", "BIOES", []),
        ("E-A S-A", "BIOES", [("A", 1, 1)]),
        ("B-A B-A E-A E-A", "BIOES", [("A", 1, 2)]),
        ("B-A S-A E-A", "BIOES", [("A", 1, 1)]),
        ("", "BIO", []),
    ],
)
def test_tags_in_disorder_mark_whole_spans_alone(tags, scheme, spans):
    assert spans_of(tags.split(), scheme) == spans


@SCHEMES
def test_what_is_allowed_is_what_encoding_spans_can_give(scheme):
    tags = TagSet(["A", "B"], scheme)
    follows, first, last = tags.allowed()
    length = 3
    places = [(name, begin, end) for name in "AB" for begin in range(length) for end in range(begin, length)]
    possible = set()
    for count in range(length + 1):
        for spans in itertools.combinations(places, count):
            numbers, left_out = tags.encode(spans, length)
            if not left_out:
                possible.add(tuple(numbers))
    allowed = {
        numbers
        for numbers in itertools.product(range(len(tags)), repeat=length)
        if first[numbers[0]] and last[numbers[-1]] and all(follows[pair] for pair in itertools.pairwise(numbers))
    }
    assert allowed == possible


@SCHEMES
def test_a_type_may_have_any_name(scheme):
    tags = TagSet(["B-I", "", "O", "E"], scheme)
    spans = [("B-I", 0, 1), ("", 2, 4), ("O", 5, 5), ("E", 6, 8)]
    assert tags.decode(tags.encode(spans, 10)[0]) == spans
    follows, _, _ = tags.allowed()
    assert np.array_equal(follows[0], [name[0] in "OBS" for name in tags.names])
