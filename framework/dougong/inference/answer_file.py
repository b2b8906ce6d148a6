"""A file of answers that grows in order and can be gone on with after a kill."""

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from dougong.errors import UserError

FORMAT = 1


class AnswerFile:
    """Answers as lines in `NAME.partial`, which becomes `NAME` when all are there.

    Beside it lies `NAME.partial.json`, which says how many of the lines count and what they are the answers to; what
    was written after it was is cut off by whoever goes on. So no answer is there twice, and none is missing.

    Args:
        path: of the file that is to appear.
        asked: what the answers depend on beside the input, as plain values.

    Raises:
        UserError: the folder is missing, another process writes there, or what is there was begun otherwise.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        if not path.parent.is_dir():
            raise UserError(f"output: the folder {path.parent} does not exist.")
        self.path = path
        self.partial = path.with_name(f"{path.name}.partial")
        self._note = path.with_name(f"{path.name}.partial.json")
        self._asked = json.loads(json.dumps(asked))
        try:
            self._file: BinaryIO = open(self.partial, "ab")  # noqa: SIM115  # closed by __exit__
        except OSError as error:
            raise UserError(f"output: {path} can't be written ({error.strerror}).") from error
        if not _lock(self._file.fileno()):
            raise UserError(f"output: another process writes to {self.partial} now.")
        self.records, self.digest = self._go_on()
        """How many answers are there from before, and the digest of the input up to there."""

    def _go_on(self) -> tuple[int, str | None]:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            end, records, digest = int(note["bytes"]), int(note["records"]), str(note["digest"])
        except FileNotFoundError:
            note, end, records, digest = None, 0, 0, None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"output: {self._note} is damaged; {self._advice()}") from error
        if note is not None and (note.get("format"), note.get("asked")) != (FORMAT, self._asked):
            raise UserError(
                f"output: {self.partial} was begun with another checkpoint or other settings; {self._advice()}"
            )
        if not (size := os.fstat(self._file.fileno()).st_size):
            return 0, None  # they were all there, or somebody has deleted them
        if size < end:
            raise UserError(f"output: {self.partial} has fewer answers than {self._note.name} says; {self._advice()}")
        os.truncate(self.partial, end)
        return records, digest

    def check(self, digest: str | None) -> None:
        """Whether the input begins with what was answered before.

        Raises:
            UserError: it does not.
        """
        if self.records and digest != self.digest:
            raise UserError(
                f"input: its first {self.records:,} lines are not those that {self.partial} answers; {self._advice()}"
            )

    def write(self, lines: Iterable[str], marks: dict[int, str]) -> None:
        """Add answers.

        Args:
            marks: by how many answers there are then, the digest of what they are the answers to; they are noted and
                taken away when so many are there.

        Raises:
            UserError: there is no room; what there was room for stays.
        """
        number = self.records
        try:
            for number, line in enumerate(lines, self.records + 1):
                self._file.write(line.encode() + b"\n")
                if number in marks:
                    self._keep(number, marks.pop(number))
            self._file.flush()
        except OSError as error:
            raise UserError(f"output: {self.path} can't be written ({error.strerror}).{self._whole_lines()}") from error

    def _keep(self, records: int, digest: str) -> None:
        """Make what is there count."""
        self._file.flush()
        os.fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        note = {"format": FORMAT, "records": records, "bytes": size, "digest": digest, "asked": self._asked}
        temporary = self._note.with_name(f".{self._note.name}")
        temporary.write_text(json.dumps(note), encoding="utf-8")
        temporary.replace(self._note)

    def finish(self) -> None:
        """All answers are there."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.partial.replace(self.path)
        self._note.unlink(missing_ok=True)

    def _whole_lines(self) -> str:
        """Cut off the answer that there was no room for; where the others are, in words."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            count, end = 0, 0
            with self.partial.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        count, end = count + 1, end + len(line)
            os.truncate(self.partial, end)
            if end:
                return f" The first {count} answers are in {self.partial}."
        return ""

    def _advice(self) -> str:
        return f"to begin anew, delete {self.partial} and {self._note.name}."

    def __enter__(self) -> "AnswerFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # there is no room for what is left in the buffer
            self._file.close()
        with suppress(OSError):
            if self.partial.exists() and not self.partial.stat().st_size and not self._note.exists():
                self.partial.unlink()


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
