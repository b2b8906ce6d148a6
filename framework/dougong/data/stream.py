"""Records that are read again each time they are asked for, since they need not fit in memory."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from dougong.contracts.data import Data, Split
from dougong.data.records import Record


class RecordStream(Iterable[Record]):
    """The records of a split; true where there is one.

    Args:
        data: reads them.
        split, record: which, and as what.
    """

    def __init__(self, data: Data, split: Split, record: type[Record]) -> None:
        self.data = data
        self.split = split
        self.record = record
        self._bad_rows = 0

    def __iter__(self) -> Iterator[Record]:
        self.data.bad_rows -= self._bad_rows  # those of the pass before are met again
        self._bad_rows, before = 0, self.data.bad_rows
        try:
            yield from self.data.records(self.split, self.record)
        finally:
            self._bad_rows = self.data.bad_rows - before

    def __bool__(self) -> bool:
        records = iter(self)
        return next(records, None) is not None


Records: TypeAlias = list[Any] | RecordStream
