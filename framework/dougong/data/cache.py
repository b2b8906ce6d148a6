"""What is made of data once and kept, under the digest of all that it depends on."""

import errno
import hashlib
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from dougong.errors import UserError

Kept = TypeVar("Kept")
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
BLOCK, BLOCKS = 1 << 12, 1 << 10
"""A checksum is of so many blocks of so many bytes, evenly spread: of all of a file up to 4 MiB."""


@dataclass(frozen=True)
class Cache:
    """A folder of what was made of the records of a split.

    Args:
        folder: of the files.
        identity: what the records depend on, as plain values; None where that is not known, so that nothing that was
            kept can be trusted.
    """

    folder: Path
    identity: Any = None

    def within(self, folder: str | None) -> Self:
        """The same in a folder of the user's, where one is given."""
        return self if folder is None else replace(self, folder=Path(folder).expanduser())

    def get(self, about: Any, write: Callable[[Path], None], load: Callable[[Path], Kept | None]) -> Kept:
        """What is kept of the records, or is made now.

        Args:
            about: what it depends on beside the records, as plain values.
            write: makes it, in an empty folder.
            load: takes it from a folder; None where there is nothing, or it is damaged.

        Raises:
            UserError: it can't be written.
        """
        digest = hashlib.sha256(json.dumps([about, self.identity], sort_keys=True, default=str).encode())
        kept = self.folder / digest.hexdigest()[:32]
        if self.identity is not None and (found := load(kept)) is not None:
            return found
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _lock(self.folder / f".{kept.name}.lock") as alone:
                # Another run may have made it while this one waited.
                if self.identity is None or load(kept) is None:
                    self._make(kept, write, alone)
        except OSError as error:
            if error.errno not in UNWRITABLE:  # it is the data that can't be read
                raise
            raise UserError(f"{self.folder}: encoded data can't be written there ({error.strerror}).") from error
        written = load(kept)
        assert written is not None, f"{kept} was written and can't be read"
        return written

    def _make(self, kept: Path, write: Callable[[Path], None], alone: bool) -> None:
        """Write aside and rename: a run that is killed leaves nothing that looks complete."""
        if alone:
            for abandoned in self.folder.glob(f".{kept.name}.*.partial"):
                shutil.rmtree(abandoned, ignore_errors=True)
        partial = self.folder / f".{kept.name}.{os.getpid()}-{secrets.token_hex(4)}.partial"
        partial.mkdir()
        try:
            write(partial)
            for path in partial.iterdir():
                _flush(path)
            shutil.rmtree(kept, ignore_errors=True)
            with suppress(OSError):  # where there are no locks another run may have been faster, with the same files
                partial.rename(kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Only one process at a time; False where the system can't tell."""
    try:
        import fcntl
    except ImportError:
        yield False
        return
    while True:
        with path.open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a file system without locks
                yield False
                return
            if not _is(path, file):
                continue  # who had the lock before took the file away
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return


def _is(path: Path, file: IO[bytes]) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checksum(path: Path) -> list[int]:
    """Size of a file, and a checksum of blocks of it."""
    size, found = path.stat().st_size, 0
    step = max(BLOCK, -(-size // BLOCKS))
    with path.open("rb") as file:
        for place in [*range(0, size, step), max(0, size - BLOCK)]:
            file.seek(place)
            found = zlib.crc32(file.read(BLOCK), found)
    return [size, found]


def checksums(folder: Path) -> dict[str, list[int]]:
    """Those of all files of a folder, by their names."""
    return {path.name: checksum(path) for path in sorted(folder.iterdir())}


def is_whole(folder: Path, files: dict[str, list[int]]) -> bool:
    """Whether the files are there, and as they were written."""
    return all((folder / name).is_file() and checksum(folder / name) == found for name, found in files.items())
