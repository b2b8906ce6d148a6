"""Encoded examples in files, of which memory holds what is being read."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from dougong.data.cache import checksums, is_whole
from dougong.data.examples import Column, Examples, Packed, examples_of

FORMAT = 1
INDEX = "index.json"


@dataclass
class Encoded:
    """Examples, and what became of the records that they are of.

    Args:
        examples: in the order of the records.
        records: how many records were read.
        left_out: the numbers of those that have no examples, since the task can't use them.
        noted: what the task counted (`Task.noted`).
    """

    examples: Examples
    records: int = 0
    left_out: list[int] = field(default_factory=list)
    noted: Counter[str] = field(default_factory=Counter)


class ColumnWriter:
    """Appends to the files of a column, as its chunks come.

    Args:
        folder, number: of the files.
        files: where they are closed.
        listed: whether each example has a list of values.
    """

    def __init__(self, folder: Path, number: int, files: ExitStack, listed: bool) -> None:
        self.name = str(number)
        self.values: IO[bytes] = files.enter_context((folder / f"{number}.values").open("wb"))
        self.ends: IO[bytes] | None = files.enter_context((folder / f"{number}.ends").open("wb")) if listed else None
        self.total = 0
        self.dtype: str | None = None

    def add(self, part: Packed) -> None:
        """Append a chunk."""
        if part.values.size:  # lists that are all empty have no type of their own
            self.dtype = self.dtype or part.values.dtype.str
            self.values.write(part.values.astype(self.dtype).tobytes())
        if self.ends is not None and part.counts is not None:
            self.ends.write((self.total + np.cumsum(part.counts)).astype("<i8").tobytes())
        self.total += part.values.size

    def described(self) -> dict[str, Any]:
        """What has to be known to read it."""
        return {"file": self.name, "dtype": self.dtype or "<i4", "listed": self.ends is not None}


def write_columns(folder: Path, chunks: Iterable[Mapping[str, Packed]]) -> dict[str, Any]:
    """Write the columns of chunks to files, and describe them."""
    columns: dict[str, ColumnWriter] = {}
    with ExitStack() as files:
        for packed in chunks:
            for name, part in packed.items():
                if name not in columns:
                    columns[name] = ColumnWriter(folder, len(columns), files, part.counts is not None)
                columns[name].add(part)
    return {name: column.described() for name, column in columns.items()}


def write_index(folder: Path, columns: Mapping[str, Any], encoded: Encoded) -> None:
    """Write what is to be known of the files, their checksums with it."""
    index = {
        "format": FORMAT,
        "columns": columns,
        "files": checksums(folder),
        "records": encoded.records,
        "left_out": encoded.left_out,
        "noted": encoded.noted,
    }
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def load(folder: Path) -> Encoded | None:
    """What is kept in a folder; None where there is nothing, or it is damaged."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != FORMAT or not is_whole(folder, index["files"]):
            return None
        columns = {name: _column(folder, **described) for name, described in index["columns"].items()}
        return Encoded(examples_of(columns), index["records"], index["left_out"], Counter(index["noted"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _column(folder: Path, file: str, dtype: str, listed: bool) -> Column:
    ends = _mapped(folder / f"{file}.ends", "<i8") if listed else None
    return Column(_mapped(folder / f"{file}.values", dtype), ends)


def _mapped(path: Path, dtype: str) -> Any:
    # As a plain array over the map: slices of np.memmap cost several times as much.
    return np.asarray(np.memmap(path, dtype, "r")) if path.stat().st_size else np.empty(0, dtype)
