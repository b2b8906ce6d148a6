"""The lines of an input, one record each, read as they are needed."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dougong.data.files import COMPRESSED, DAMAGED
from dougong.errors import UserError

MARK_EVERY = 1024
"""Lines after which it is noted what has been read so far: as many as are answered at a time."""


class Lines:
    """The records of a stream of lines: each as JSON where it is an object, else as a text.

    Empty lines stay, so that answers keep their places.

    Args:
        file: of bytes.
        name: of the input, for messages; of one that ends in `.jsonl`, compressed or not, every line must be JSON.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file = file
        self.name = name
        self.strict = _without_compression(name).endswith(".jsonl")
        self.marks: dict[int, str] = {}
        """By numbers of lines, a digest of all up to there; whoever reads on takes those away that it has passed."""
        self._digest = hashlib.blake2b(digest_size=16)
        self._number = 0

    def skip(self, count: int) -> str | None:
        """Pass over lines; a digest of what they were, None where there are fewer."""
        for _ in range(count):
            if self._next() is None:
                return None
        self.marks.clear()
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        """What each line holds, with its place (`input:number`).

        Raises:
            UserError: a line is not UTF-8, or one that must be JSON is not.
        """
        while (line := self._next()) is not None:
            place = f"{self.name}:{self._number}"
            try:
                text = line.decode("utf-8-sig" if self._number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise UserError(f"{place}: not UTF-8 at byte {error.start + 1}.") from error
            yield _parse(text, place, self.strict), place

    def _next(self) -> bytes | None:
        try:
            line = self.file.readline()
        except DAMAGED as error:
            raise UserError(f"{self.name}: damaged after line {self._number} ({error}).") from error
        if not line:
            return None
        self._number += 1
        self._digest.update(line.rstrip(b"\r\n") + b"\n")  # the last line may get its end later
        if self._number % MARK_EVERY == 0:
            self.marks[self._number] = self._digest.hexdigest()
        return line


class InputFile:
    """A file of lines, compressed or not, that must not change while it is read.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._stored = Path(path).open("rb")  # noqa: SIM115  # closed by `open`
        self._before = self._state()

    @contextmanager
    def open(self) -> Iterator[Lines]:
        """Its lines."""
        reader = COMPRESSED.get(Path(self.path).suffix)
        with self._stored as stored:
            if reader is None:
                yield Lines(stored, self.path)
            else:
                with reader(stored) as content:
                    yield Lines(content, self.path)

    @property
    def size(self) -> int:
        """Bytes, as it is stored."""
        return self._before[0]

    @property
    def done(self) -> int:
        """Bytes that have been read of these."""
        return self._stored.tell()

    def check(self) -> None:
        """Whether it is as it was when it was opened.

        Raises:
            UserError: it has changed.
        """
        if self._state() != self._before:
            raise UserError(f"input: {self.path} has changed while it was read.")

    def _state(self) -> tuple[int, int]:
        # By the name: a file that was put in its place is another one.
        found = os.stat(self.path)
        return found.st_size, found.st_mtime_ns


def _without_compression(name: str) -> str:
    path = Path(name)
    return str(path.with_suffix("")) if path.suffix in COMPRESSED else name


def _parse(text: str, source: str, strict: bool) -> Any:
    if not strict and not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text) if text.strip() else text
    except (json.JSONDecodeError, RecursionError) as error:
        if not strict:
            return text
        reason = (
            f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
        )
        raise UserError(f"{source}: not JSON ({reason}).") from error
