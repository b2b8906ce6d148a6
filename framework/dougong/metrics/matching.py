"""Who goes with whom: the best pairs of two sets."""

from collections.abc import Sequence


def greatest_sum(scores: Sequence[Sequence[float]]) -> float:
    """The greatest sum of entries of a table of which no two share a row or a column (the Hungarian algorithm)."""
    if not scores or not scores[0]:
        return 0.0
    if len(scores) > len(scores[0]):
        scores = list(zip(*scores, strict=True))
    if len(scores) == 1:
        return max(scores[0])
    pairing = _Pairing(scores)
    for row in range(len(scores)):
        pairing.add(row)
    return sum(scores[row][column] for column, row in pairing.row_at.items())


class _Pairing:
    """Rows with a column each, such that their sum is greatest, in a table with at least as many columns as rows.

    `row_bonus[row] + column_bonus[column]` is never less than the score, and equal to it for the pairs.
    """

    def __init__(self, scores: Sequence[Sequence[float]]) -> None:
        self.scores = scores
        self.row_at: dict[int, int] = {}
        self.row_bonus = [max(row) for row in scores]
        self.column_bonus = [0.0] * len(scores[0])

    def add(self, row: int) -> None:
        """Give one more row a column, for which others may have to change theirs."""
        reached = {row: -1}  # rows, each with the column by which it lost its own
        open_columns = dict.fromkeys(range(len(self.column_bonus)), (float("inf"), row))
        lost_to: dict[int, int] = {}
        newest = row
        while True:
            for column, (gap, _) in open_columns.items():
                new_gap = self.row_bonus[newest] + self.column_bonus[column] - self.scores[newest][column]
                if new_gap < gap:
                    open_columns[column] = (new_gap, newest)
            nearest = min(open_columns, key=lambda column: open_columns[column][0])
            step, lost_to[nearest] = open_columns.pop(nearest)
            open_columns = {column: (gap - step, by) for column, (gap, by) in open_columns.items()}
            self._shift(reached, step)
            if nearest not in self.row_at:
                break
            newest = self.row_at[nearest]
            reached[newest] = nearest
        self._exchange(nearest, lost_to, reached)

    def _shift(self, reached: dict[int, int], step: float) -> None:
        for row, column in reached.items():
            self.row_bonus[row] -= step
            if column >= 0:
                self.column_bonus[column] += step

    def _exchange(self, column: int, lost_to: dict[int, int], reached: dict[int, int]) -> None:
        while column >= 0:
            row = lost_to[column]
            self.row_at[column], column = row, reached[row]
