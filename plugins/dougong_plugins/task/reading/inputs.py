"""A question and a piece of a passage as one input: [CLS] question [SEP] piece [SEP]."""

# Shapes: N length of an input, Q tokens of a question, T of a passage.

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dougong.contracts.task import Example
from dougong.contracts.tokenizer import END, START, UNKNOWN, Tokenizer
from dougong.data.alignment import Numbers, windows


@dataclass(frozen=True)
class Layout:
    """How inputs are made.

    Args:
        tokenizer: of the encoder.
        max_length: tokens of an input, special ones included.
        question_length: longer questions are cut to this many tokens.
        overlap: tokens that two neighbouring windows share.
        match: the longest piece that question and passage share, in tokens, that is told apart.
    """

    tokenizer: Tokenizer
    max_length: int
    question_length: int
    overlap: int
    match: int

    def windows(self, question: Numbers, passage: Numbers) -> Iterator[Example]:
        """One input for each window over the passage.

        `first` is the place of its first passage token, `count` how many there are, `offset` the number that the first
        has in the passage. Segment 0 is the question, 1 the passage. With `match` the segment n is a part of the
        question, and match + 1 + n one of the passage, that stands in the other with n - 1 of its neighbours; 0 and
        match + 1 is what does not.
        """
        numbers = self.tokenizer
        start, end = numbers.identity(START), numbers.identity(END)
        question = question[: self.question_length]
        head = np.concatenate([[start], question, [end]])
        unknown = numbers.identity(UNKNOWN)
        named, shared = shared_runs(question, passage, self.match, unknown)
        shared = shared + self.match + 1
        for window in windows(len(passage), self.max_length - len(head) - 1, self.overlap):
            piece = slice(window.begin, window.end)
            yield {
                "tokens": np.concatenate([head, passage[piece], [end]]),
                "segments": np.concatenate([[0], named, [0], shared[piece], [self.match + 1]]),
                "first": len(head),
                "count": window.end - window.begin,
                "offset": window.begin,
            }


def shared_runs(question: Numbers, passage: Numbers, longest: int, unknown: int) -> tuple[Numbers, Numbers]:
    """(Q,) and (T,) of each token, how many in a row, itself among them, stand in the other text too.

    Args:
        longest: longer runs count as this many.
        unknown: the number of the unknown token, which equals no other.
    """
    same = ((question[:, None] == passage) & (passage != unknown)).astype(np.int8)  # (Q, T)
    before, after = same.copy(), same.copy()  # pairs in a row up to this one, and from this one on
    for _ in range(1, longest):
        before[1:, 1:] = same[1:, 1:] * (1 + before[:-1, :-1])
        after[:-1, :-1] = same[:-1, :-1] * (1 + after[1:, 1:])
    runs = np.minimum(before + after - same, longest)
    return runs.max(1, initial=0), runs.max(0, initial=0)
