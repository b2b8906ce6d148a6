"""Records to examples, chunk by chunk: in memory or into files, in one process or several."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dougong.data.example_store import Encoded, load, write_columns, write_index
from dougong.data.examples import Packed, joined, pack_rows
from dougong.data.processes import ordered_map

if TYPE_CHECKING:
    from dougong.contracts.task import Task

CHUNK = 1000

Unusable = Callable[[str, str], None]
"""Told where a record is and why the task can't use it, as `Data.bad_row` is."""


@dataclass
class _Chunk:
    """The examples of some records.

    Args:
        records: how many there were.
        columns: of the examples of those that can be used.
        unusable: (number in the chunk, source, reason) of the others.
        noted: what the task counted.
    """

    records: int
    columns: dict[str, Packed]
    unusable: list[tuple[int, str, str]] = field(default_factory=list)
    noted: Counter[str] = field(default_factory=Counter)


class RecordEncoder:
    """Encodes the records of a split.

    Args:
        task: knows how.
        unusable: is told of records that the task can't use.
        processes: that encode.
    """

    def __init__(self, task: "Task", unusable: Unusable, processes: int = 1) -> None:
        self.task = task
        self.unusable = unusable
        self.processes = processes

    def in_memory(self, records: Iterable[Any]) -> Encoded:
        """The examples as arrays in memory."""
        encoded = Encoded(joined(()))
        encoded.examples = joined(self._columns(records, encoded))
        self.task.noted.update(encoded.noted)
        return encoded

    def in_files(self, records: Iterable[Any], store: Any, about: Any) -> Encoded:
        """The examples in the files of a cache, from where they are taken if they are there already.

        Args:
            store: a `Cache`.
            about: what they depend on beside the records.
        """

        def write(folder: Path) -> None:
            encoded = Encoded(joined(()))
            columns = write_columns(folder, self._columns(records, encoded))
            write_index(folder, columns, encoded)

        found: Encoded = store.get(["examples", about], write, load)
        self.task.noted.update(found.noted)
        return found

    def _columns(self, records: Iterable[Any], encoded: Encoded) -> Iterator[Mapping[str, Packed]]:
        """The columns of each chunk; `encoded` gathers the rest."""
        for chunk in ordered_map(self._encode, _chunks(records), self.processes):
            for number, source, reason in chunk.unusable:
                self.unusable(source, reason)
                encoded.left_out.append(encoded.records + number)
            if "record" in chunk.columns:
                values, counts = chunk.columns["record"]
                before = encoded.records - len(encoded.left_out) + len(chunk.unusable)
                chunk.columns["record"] = Packed(values + before, counts)
            encoded.records += chunk.records
            encoded.noted.update(chunk.noted)
            if chunk.columns:
                yield chunk.columns

    def _encode(self, records: list[Any]) -> _Chunk:
        problems = [self.task.problem(record) for record in records]
        usable = [record for record, problem in zip(records, problems, strict=True) if problem is None]
        unusable = [
            (number, records[number].source, problem) for number, problem in enumerate(problems) if problem is not None
        ]
        before = self.task.noted.copy()
        columns = pack_rows(self.task.encode(usable)) if usable else {}
        noted = self.task.noted - before
        # What is noted of a chunk is handed over with it, and not counted here: this may be another process.
        self.task.noted.clear()
        self.task.noted.update(before)
        return _Chunk(len(records), columns, unusable, noted)


def _chunks(records: Iterable[Any]) -> Iterator[list[Any]]:
    given = iter(records)
    while chunk := list(islice(given, CHUNK)):
        yield chunk
