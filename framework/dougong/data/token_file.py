"""A corpus as one array of token numbers in a file, of which blocks of any length are views."""

# Shapes: T tokens of all documents, C documents, K blocks.

import itertools
import json
import logging
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from dougong.contracts.tokenizer import END, START, Tokenizer
from dougong.data.cache import Cache, checksums, is_whole
from dougong.data.examples import Column, Examples
from dougong.data.processes import ordered_map
from dougong.data.records import PlainText

FORMAT = 2
FILES = "files.json"
TOGETHER = 1 << 18
"""Characters that are tokenised at once: enough to keep every core busy, and no corpus in memory."""

Integers = npt.NDArray[np.integer[Any]]
Lengths = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Documents:
    """Documents as tokens, each framed by a start and an end token.

    Args:
        tokens: (T,) of all documents, one after the other, in a file.
        ends: (C,) where each ends.
        characters: (C,) of the original text of each.
    """

    tokens: Integers
    ends: Lengths
    characters: Lengths

    def blocks(self, length: int, overlap: int = 0, across: bool = False) -> Examples:
        """The documents in blocks of `length` tokens and shorter remainders, as views.

        Args:
            overlap: tokens at the beginning of a block that end the one before it. A remainder of no more is left out.
            across: whether blocks go on over the ends of documents; otherwise each holds a piece of one.

        Returns:
            columns `tokens` and `characters`: those of the original text that a block stands for, its overlap aside. A
            document's are spread evenly over its tokens, so that they are exact in sum.
        """
        ends = self.ends[-1:] if across else self.ends
        begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        step = length - overlap
        counts = np.maximum(-(-(ends - begins - overlap) // step), 0)  # (C,)
        starts = np.arange(counts.sum())  # (K,)
        starts -= np.repeat(np.cumsum(counts) - counts, counts)
        starts *= step
        starts += np.repeat(begins, counts)
        stops = np.minimum(starts + length, np.repeat(ends, counts))
        characters = self._characters_between(starts, stops, overlap)
        columns = {"tokens": Column(self.tokens, stops, starts), "characters": Column(characters)}
        return Examples(columns, stops - starts)

    def _characters_between(self, starts: Lengths, stops: Lengths, overlap: int) -> npt.NDArray[np.float32]:
        """Characters of the tokens of each block, its overlap aside; a start token stands for none."""
        begins = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]]) + 1
        total = np.cumsum(self.characters)
        known = np.stack([begins, self.ends], 1).ravel()
        before = np.stack([total - self.characters, total], 1).ravel()
        found = np.empty(len(starts), np.float32)
        for first in range(0, len(starts), TOGETHER):  # there may be more blocks than memory for all that is between
            part = slice(first, first + TOGETHER)
            found[part] = np.interp(stops[part], known, before) - np.interp(starts[part] + overlap, known, before)
        return found


@dataclass(frozen=True)
class TokenStore(Cache):
    """Where the tokens of a split are kept.

    Args:
        processes: that tokenise.
    """

    processes: int = 1

    def documents(self, tokenizer: Tokenizer, records: Iterable[PlainText]) -> Documents:
        """The records as tokens: those that were kept, or read now, in pieces, and kept."""
        dtype = np.min_scalar_type(tokenizer.size - 1)
        return self.get(
            ["tokens", FORMAT, tokenizer.state()],
            lambda folder: _write(folder, dtype, tokenizer, records, self.processes),
            lambda folder: _load(folder, dtype),
        )


def _load(folder: Path, dtype: np.dtype[Any]) -> Documents | None:
    """What is kept in a folder; None where there is nothing, or it is damaged."""
    try:
        if not is_whole(folder, json.loads((folder / FILES).read_text(encoding="utf-8"))):
            return None
        with np.load(folder / "documents.npz", allow_pickle=False) as index:
            ends, characters = index["ends"], index["characters"]
        if (folder / "tokens.bin").stat().st_size != ends[-1] * dtype.itemsize:
            return None
        return Documents(np.memmap(folder / "tokens.bin", dtype, "r"), ends, characters)
    except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError, BadZipFile):
        return None


def _write(
    folder: Path, dtype: np.dtype[Any], tokenizer: Tokenizer, records: Iterable[PlainText], processes: int
) -> None:
    start, end = tokenizer.identity(START), tokenizer.identity(END)
    # Arrays: lists of numbers would be five times as large, and there may be as many documents as lines.
    ends, characters = array("q"), array("q")
    total = 0
    with (folder / "tokens.bin").open("wb") as file:
        for record, numbers in _tokenised(tokenizer, records, dtype, processes):
            frame: list[Any] = [numbers]
            if not record.continues or not characters:
                frame = [[end], [start], numbers] if characters else [[start], numbers]
                if characters:
                    ends.append(total + 1)
                characters.append(0)
            characters[-1] += len(record.text)
            total += file.write(np.concatenate(frame).astype(dtype).tobytes()) // dtype.itemsize
        total += file.write(np.array([end], dtype).tobytes()) // dtype.itemsize
    ends.append(total)
    np.savez(folder / "documents.npz", ends=np.asarray(ends), characters=np.asarray(characters))
    (folder / FILES).write_text(json.dumps(checksums(folder)), encoding="utf-8")


def _tokenised(
    tokenizer: Tokenizer, records: Iterable[PlainText], dtype: np.dtype[Any], processes: int
) -> Iterator[tuple[PlainText, Integers]]:
    def tokenise(group: list[PlainText]) -> tuple[list[Integers], str | None]:
        """The tokens of some texts, and where one is that can't be told from its tokens."""
        found = [numbers.astype(dtype) for numbers in tokenizer.numbers([record.text for record in group])]
        pairs = zip(group, found, strict=True)
        lossy = (record.source for record, numbers in pairs if tokenizer.decode(numbers.tolist()) != record.text)
        return found, next(lossy, None)

    told = False
    groups, same = itertools.tee(_groups(records))
    for group, (found, lossy) in zip(same, ordered_map(tokenise, groups, processes), strict=True):
        if lossy is not None and not told:
            told = True
            logging.getLogger(__name__).warning(
                "%s: the tokenizer does not keep the text as it is, and a continuation has its losses; "
                "tokenizer=byte keeps all",
                lossy,
            )
        yield from zip(group, found, strict=True)


def _groups(records: Iterable[PlainText]) -> Iterator[list[PlainText]]:
    group: list[PlainText] = []
    size = 0
    for record in records:
        group.append(record)
        size += len(record.text)
        if size >= TOGETHER:
            yield group
            group, size = [], 0
    if group:
        yield group
