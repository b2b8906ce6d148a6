"""Records that are read again each time they are asked for, since they need not fit in memory."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias

from dougong.contracts.data import Data, Split
from dougong.data.records import Record

Watch = Callable[[Iterable[Record], int | None], Iterator[Record]]


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
        self.count: int | None = None
        """How many there are, once somebody has gone through all of them."""
        self.watch: Watch | None = None
        """Looks at a pass as it goes, given how many records there are."""
        self._bad_rows = 0

    def __iter__(self) -> Iterator[Record]:
        records = self._read()
        return records if self.watch is None else self.watch(records, self.count)

    def _read(self) -> Iterator[Record]:
        self.data.bad_rows -= self._bad_rows  # those of the pass before are met again
        self._bad_rows, before = 0, self.data.bad_rows
        number = 0
        try:
            for number, record in enumerate(self.data.records(self.split, self.record), 1):  # noqa: B007
                yield record
            self.count = number
        finally:
            self._bad_rows = self.data.bad_rows - before

    def __bool__(self) -> bool:
        return self.count > 0 if self.count is not None else next(self._read(), None) is not None


Records: TypeAlias = list[Any] | RecordStream


def held(stream: RecordStream, most: int) -> Records:
    """The records in a list, where there are no more than so many; else the stream that they came from."""
    records = list(islice(stream, most + 1))
    return records if len(records) <= most else stream


class Chosen(Collection[Any]):
    """Records of a stream without some of them, in order.

    Args:
        left_out: the numbers of those.
        count: how many are left.
    """

    def __init__(self, records: Iterable[Any], left_out: Iterable[int], count: int) -> None:
        self.records = records
        self.left_out = frozenset(left_out)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        return (record for number, record in enumerate(self.records) if number not in self.left_out)

    def __contains__(self, record: object) -> bool:
        return any(record == one for one in self)
