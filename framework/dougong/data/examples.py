"""Encoded examples, packed: one array a column, so that a million of them are a few arrays and not a million lists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Column:
    """The values of one name for all examples: one each, or a list of varying length each.

    Args:
        values: the values of all examples, one after the other; may lie in a file (`np.memmap`).
        ends: where each example's values end; None where each has just one.
        begins: where they begin; None where each begins where the one before it ends.
    """

    values: Array
    ends: Array | None = None
    begins: Array | None = None

    def row(self, index: int) -> Array:
        """The values of one example."""
        if self.ends is None:
            return np.asarray(self.values[index])
        if self.begins is not None:
            return np.asarray(self.values[self.begins[index] : self.ends[index]])
        return np.asarray(self.values[self.ends[index - 1] if index else 0 : self.ends[index]])


@dataclass(frozen=True)
class Examples:
    """A split as columns; `lengths` are those of the column `tokens`."""

    columns: Mapping[str, Column]
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)


class Packed(NamedTuple):
    """A column of some examples.

    Args:
        values: of all of them, one after the other.
        counts: how many each has; None where each has just one.
    """

    values: Array
    counts: Array | None


def pack(chunks: Iterable[Sequence[Mapping[str, Any]]]) -> Examples:
    """Pack examples, given in chunks of rows, into columns."""
    return joined(map(pack_rows, chunks))


def pack_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Packed]:
    """The columns of some examples."""
    found = {}
    for name in rows[0] if rows else ():
        cells = [row[name] for row in rows]
        if isinstance(cells[0], list | tuple | np.ndarray):
            counts = np.fromiter(map(len, cells), np.int64, len(cells))
            found[name] = Packed(_narrow(np.concatenate([np.asarray(cell) for cell in cells])), counts)
        else:
            found[name] = Packed(_narrow(np.asarray(cells)), None)
    return found


def joined(chunks: Iterable[Mapping[str, Packed]]) -> Examples:
    """Examples in memory, of the columns of their chunks."""
    values: dict[str, list[Array]] = {}
    counts: dict[str, list[Array]] = {}
    for packed in chunks:
        for name, part in packed.items():
            values.setdefault(name, []).append(part.values)
            if part.counts is not None:
                counts.setdefault(name, []).append(part.counts)
    columns = {
        name: Column(_concatenated(parts), np.cumsum(np.concatenate(counts[name])) if name in counts else None)
        for name, parts in values.items()
    }
    return examples_of(columns)


def examples_of(columns: Mapping[str, Column]) -> Examples:
    """Examples with their lengths."""
    ends = columns["tokens"].ends if "tokens" in columns else None
    return Examples(columns, np.diff(ends, prepend=0) if ends is not None else np.empty(0, np.int64))


def _concatenated(parts: Sequence[Array]) -> Array:
    # Lists that are all empty have no type of their own.
    return np.concatenate([part for part in parts if part.size] or parts[:1])


def _narrow(values: Array) -> Array:
    """Whole numbers in 32 bits: token numbers need no more, and memory is what limits the size of a data set."""
    return values.astype(np.int32) if values.dtype.kind in "iu" else values.astype(np.float32)
