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
        named = shared_run(passage, question, self.match, unknown)
        shared = shared_run(question, passage, self.match, unknown) + self.match + 1
        for window in windows(len(passage), self.max_length - len(head) - 1, self.overlap):
            piece = slice(window.begin, window.end)
            yield {
                "tokens": np.concatenate([head, passage[piece], [end]]),
                "segments": np.concatenate([[0], named, [0], shared[piece], [self.match + 1]]),
                "first": len(head),
                "count": window.end - window.begin,
                "offset": window.begin,
            }


def shared_run(question: Numbers, passage: Numbers, longest: int, unknown: int) -> Numbers:
    """(T,) of each passage token, how many in a row, itself among them, stand in the question too.

    Args:
        longest: longer runs count as this many.
        unknown: the number of the unknown token, which equals no other.
    """
    found = np.zeros(len(passage), np.int64)
    runs = same = (question[:, None] == passage) & (passage != unknown)  # (Q, T)
    for length in range(1, longest + 1):
        begins = runs.any(0)
        for place in range(length):
            found[place : place + len(begins)][begins] = length
        runs = runs[:-1, :-1] & same[length:, length:]  # (Q - length, T - length), where a run one longer begins
    return found
