"""Parts of files, and where they may be cut."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from dougong.data.files import DataFile
from dougong.errors import UserError

CHUNK = 1 << 16
"""Bytes that are looked at in one go: no line, and no file, need fit in memory."""

LONGEST = 1 << 10
"""Bytes of the longest separator that is found across two chunks."""


@dataclass(frozen=True)
class Span:
    """The bytes [begin, end) of a file; a file that is not read from its midst is whole, and its end not known."""

    file: DataFile
    begin: int = 0
    end: int = sys.maxsize


@dataclass(frozen=True)
class Line:
    """A line, or a piece of a long one, with its line end if it has one.

    Args:
        number: from 1, in the file.
        starts: whether it begins the line.
        begin: byte of the line that it begins at.
    """

    number: int
    content: bytes
    starts: bool
    begin: int


def lines(span: Span) -> Iterator[Line]:
    """The lines of a span; what is longer than `CHUNK` comes in pieces that cut no character."""
    with span.file.open() as file:
        number = 1
        if span.begin:
            number += sum(chunk.count(b"\n") for chunk in _chunks(file, 0, span.begin))
            file.seek(span.begin)
        left, begin, rest = span.end - span.begin, 0, b""
        while content := rest + (read := file.readline(asked := max(0, min(CHUNK, left) - len(rest)))):
            left -= len(content)
            whole = content.endswith(b"\n") or len(read) < asked or not left
            content, rest = (content, b"") if whole else _at_character(content)
            left += len(rest)
            yield Line(number, content, begin == 0, begin)
            begin = 0 if whole else begin + len(content)
            number += whole


def _chunks(file: IO[bytes], begin: int, end: int) -> Iterator[bytes]:
    file.seek(begin)
    for at in range(begin, end, CHUNK):
        yield file.read(min(CHUNK, end - at))


def _at_character(content: bytes) -> tuple[bytes, bytes]:
    """Cut before the last character, which may not be whole; not where that would leave nothing."""
    for back in range(1, min(4, len(content))):
        if content[-back] & 0xC0 != 0x80:
            return content[:-back], content[-back:]
    return content, b""


def divide(files: Sequence[DataFile], shares: Sequence[float], separators: Sequence[bytes]) -> list[list[Span]]:
    """Cut files, one after the other, into parts of about these shares.

    Args:
        shares: of the bytes, of sum 1.
        separators: patterns of what a cut has to come after. The first that is near is taken where there are several;
            a single one may be as far as it is.

    Raises:
        UserError: one of them is compressed or in a store, where a place in its midst can't be found.
    """
    if not any(shares[1:]):
        return [[Span(file) for file in files], *([] for _ in shares[1:])]
    paths = [_seekable(file) for file in files]
    sizes = [path.stat().st_size for path in paths]
    total, reached, cuts = sum(sizes), 0.0, [0]
    for share in shares[:-1]:
        reached += share
        cuts.append(max(cuts[-1], _cut(paths, sizes, round(total * reached), separators)))
    return [_spans(files, sizes, begin, end) for begin, end in pairwise([*cuts, total])]


def _seekable(file: DataFile) -> Path:
    if not file.seekable:
        raise UserError(
            f"data.valid: {file} is compressed or in a store, and no splits are cut off such files; name the files of "
            "data.valid and data.test, or set valid_share and test_share to 0."
        )
    return Path(file.place)


def _cut(paths: Sequence[Path], sizes: Sequence[int], place: int, separators: Sequence[bytes]) -> int:
    """The first byte from `place` on where a part may begin, of all files as one."""
    before = 0
    for path, size in zip(paths, sizes, strict=True):
        if place == before:
            return before
        if place < before + size:
            last = size if len(separators) == 1 else min(size, place - before + CHUNK)
            found = (_after(path, place - before, last, separator) for separator in separators)
            return before + next((cut for cut in found if cut is not None), size)
        before += size
    return before


def _after(path: Path, place: int, last: int, separator: bytes) -> int | None:
    """Where the first separator ends at `place` or later."""
    pattern = re.compile(separator)
    begin, tail = max(0, place - LONGEST), b""
    with path.open("rb") as file:
        for chunk in _chunks(file, begin, last):
            looked_at, base = tail + chunk, begin - len(tail)
            for match in pattern.finditer(looked_at):
                if base + match.end() >= place:
                    return base + match.end()
            begin += len(chunk)
            tail = looked_at[-LONGEST:]
    return None


def _spans(files: Sequence[DataFile], sizes: Sequence[int], begin: int, end: int) -> list[Span]:
    found, before = [], 0
    for file, size in zip(files, sizes, strict=True):
        first, last = max(begin - before, 0), min(end - before, size)
        if first < last:
            found.append(Span(file, first, last))
        before += size
    return found
