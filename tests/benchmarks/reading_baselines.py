"""What reading comprehension scores without reading: `python tests/benchmarks/reading_baselines.py [CMRC2018_FOLDER]`.

A random span, and the clause that has most of the question's characters and pairs of characters in it.
"""

import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from dougong.data.records import SpanQuestion
from dougong.metrics.answers import answer_f1, exact_match
from dougong_plugins.data.squad_json import SquadJson
from dougong_plugins.data.toy import Toy

Guess = Callable[[SpanQuestion], str]


def random_span(length: int) -> Guess:
    """Any piece of the passage of this many characters."""
    draw = random.Random(0)

    def guess(record: SpanQuestion) -> str:
        start = draw.randrange(max(1, len(record.passages[0]) - length))
        return record.passages[0][start : start + length]

    return guess


def best_piece(ends: str) -> Guess:
    """The piece between two of `ends` that shares most with the question."""

    def guess(record: SpanQuestion) -> str:
        asked = set(_pieces(record.question))
        pieces = [piece for piece in re.split(f"[{ends}]", record.passages[0]) if piece]
        return max(pieces, key=lambda piece: len(asked.intersection(_pieces(piece))))

    return guess


def _pieces(text: str) -> Iterator[str]:
    yield from text
    yield from (text[place : place + 2] for place in range(len(text) - 1))


def report(name: str, records: Sequence[SpanQuestion], guess: Guess) -> None:
    """Print a guesser's scores."""
    pairs = [(guess(record), [answer.text for answer in record.answers]) for record in records]
    exact = sum(exact_match(text, known, "characters") for text, known in pairs) / len(pairs)
    f1 = sum(answer_f1(text, known, "characters") for text, known in pairs) / len(pairs)
    print(f"| {name} | {exact:.3f} | {f1:.3f} |")


def main() -> None:
    """Score the guessers."""
    sets = {"toy, test": list(Toy().records("test", SpanQuestion))}
    if len(sys.argv) > 1:
        cmrc = SquadJson(sys.argv[1], test="trial.json", on_bad_row="skip")
        sets |= {f"CMRC 2018, {split}": list(cmrc.records(split, SpanQuestion)) for split in ("valid", "test")}
    for name, records in sets.items():
        print(f"| {name} ({len(records):,} questions) | exact match | F1 |")
        report("random span of 10 characters", records, random_span(10))
        report("best sentence", records, best_piece("。！？"))
        report("best clause", records, best_piece("。！？，；"))


if __name__ == "__main__":
    main()
