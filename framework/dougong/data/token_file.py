"""A corpus as one array of token numbers in a file, of which blocks of any length are views."""

# Shapes: T tokens of all documents, C documents, K blocks.

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dougong.contracts.tokenizer import END, START, Tokenizer
from dougong.data.examples import Column, Examples
from dougong.data.records import PlainText

FORMAT = 1
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
        first = np.repeat(np.cumsum(counts) - counts, counts)
        starts = np.repeat(begins, counts) + (np.arange(counts.sum()) - first) * step  # (K,)
        stops = np.minimum(starts + length, np.repeat(ends, counts))
        characters = self._characters_before(stops) - self._characters_before(starts + overlap)
        columns = {"tokens": Column(self.tokens, stops, starts), "characters": Column(characters.astype(np.float32))}
        return Examples(columns, stops - starts)

    def _characters_before(self, places: Lengths) -> npt.NDArray[np.float64]:
        """Characters of the tokens before each place; a start token stands for none."""
        begins = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]]) + 1
        total = np.cumsum(self.characters)
        known = np.stack([begins, self.ends], 1).ravel()
        return np.interp(places, known, np.stack([total - self.characters, total], 1).ravel())


@dataclass(frozen=True)
class TokenStore:
    """Where the tokens of a split are kept.

    Args:
        folder: of the files.
        identity: what the records depend on, as plain values; None where that is not known, so that nothing that was
            kept can be trusted.
    """

    folder: Path
    identity: Any = None

    def within(self, folder: str | None) -> "TokenStore":
        """The same in a folder of the user's, where one is given."""
        return self if folder is None else replace(self, folder=Path(folder).expanduser())

    def documents(self, tokenizer: Tokenizer, records: Iterable[PlainText]) -> Documents:
        """The records as tokens: those that were kept, or read now, in pieces, and kept."""
        about = json.dumps([FORMAT, self.identity, tokenizer.state()], sort_keys=True, default=str)
        kept = self.folder / hashlib.sha256(about.encode()).hexdigest()[:32]
        dtype = np.min_scalar_type(tokenizer.size - 1)
        if self.identity is not None and (found := _load(kept, dtype)) is not None:
            return found
        # Written aside and renamed: a run that is killed leaves nothing that looks complete.
        partial = self.folder / f".{kept.name}.{os.getpid()}.partial"
        partial.mkdir(parents=True)
        try:
            _write(partial, dtype, tokenizer, records)
            if self.identity is None or _load(kept, dtype) is None:
                shutil.rmtree(kept, ignore_errors=True)
            with suppress(OSError):  # another run was faster, and its file is the same
                partial.rename(kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        written = _load(kept, dtype)
        assert written is not None, f"{kept} was written and can't be read"
        return written


def _load(folder: Path, dtype: np.dtype[Any]) -> Documents | None:
    """What is kept in a folder; None where there is nothing, or it is damaged."""
    try:
        with np.load(folder / "documents.npz", allow_pickle=False) as index:
            ends, characters = index["ends"], index["characters"]
        if (folder / "tokens.bin").stat().st_size != ends[-1] * dtype.itemsize:
            return None
        return Documents(np.memmap(folder / "tokens.bin", dtype, "r"), ends, characters)
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _write(folder: Path, dtype: np.dtype[Any], tokenizer: Tokenizer, records: Iterable[PlainText]) -> None:
    start, end = tokenizer.identity(START), tokenizer.identity(END)
    ends: list[int] = []
    characters: list[int] = []
    total = 0
    with (folder / "tokens.bin").open("wb") as file:
        for record, numbers in _tokenised(tokenizer, records):
            frame: list[Any] = [numbers]
            if not record.continues or not characters:
                frame = [[end], [start], numbers] if characters else [[start], numbers]
                ends += [total + 1] if characters else []
                characters.append(0)
            characters[-1] += len(record.text)
            total += file.write(np.concatenate(frame).astype(dtype).tobytes()) // dtype.itemsize
        total += file.write(np.array([end], dtype).tobytes()) // dtype.itemsize
        file.flush()
        os.fsync(file.fileno())
    np.savez(folder / "documents.npz", ends=np.array([*ends, total]), characters=np.array(characters))


def _tokenised(tokenizer: Tokenizer, records: Iterable[PlainText]) -> Iterator[tuple[PlainText, Integers]]:
    told = False
    for group in _groups(records):
        texts = [record.text for record in group]
        for record, numbers in zip(group, tokenizer.numbers(texts), strict=True):
            if not told and tokenizer.decode(numbers.tolist()) != record.text:
                told = True
                logging.getLogger(__name__).warning(
                    "%s: the tokenizer does not keep the text as it is, and a continuation has its losses; "
                    "tokenizer=byte keeps all",
                    record.source,
                )
            yield record, numbers


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
