"""The table of wrong predictions that a task hands to the trackers."""

from collections.abc import Iterable
from itertools import islice

ROWS, CHARACTERS = 100, 500


def wrong_table(cases: Iterable[tuple[str, Iterable[str], Iterable[str]]], limit: int = ROWS) -> list[list[str]]:
    """A header and one row a case: the text, what was expected and what was predicted.

    Args:
        cases: (text, expected, predicted) of the wrong predictions alone, each piece of them in words that can be
            read. No more are taken than there are rows.
        limit: how many rows the table has at most. A cell is cut to 500 characters, so that a tracker can show it.
    """
    rows = ([text, "; ".join(expected), "; ".join(predicted)] for text, expected, predicted in cases)
    return [["text", "expected", "predicted"], *([cut(cell) for cell in row] for row in islice(rows, limit))]


def cut(cell: str) -> str:
    """A cell as a tracker can show it."""
    return cell if len(cell) <= CHARACTERS else cell[: CHARACTERS - 1] + "…"
