"""Files that data is read from: on this machine or in an object store, compressed or not, one or as many as a pattern
matches."""

import bz2
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from dougong.data.zstandard_file import decompressed
from dougong.errors import UserError, suggestion

DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)
"""What readers of compressed files raise at one that is not whole."""

COMPRESSED: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": decompressed,
}
"""By ending, how what is in a file is read."""


@dataclass(frozen=True)
class DataFile:
    """A file to read.

    Args:
        place: a path, or a URL of a store that fsspec knows (`s3://bucket/train.tsv`).
    """

    place: str

    def __str__(self) -> str:
        return self.place

    @property
    def name(self) -> str:
        """The last part of the place."""
        return PurePosixPath(self.place).name

    @property
    def suffix(self) -> str:
        """The ending of what it holds: `.csv` of `table.csv` and of `table.csv.gz`."""
        path = PurePosixPath(self.place)
        return PurePosixPath(path.stem).suffix if path.suffix in COMPRESSED else path.suffix

    @property
    def seekable(self) -> bool:
        """Whether it can be read from its midst at no cost: it lies here, and is not compressed."""
        return not is_remote(self.place) and PurePosixPath(self.place).suffix not in COMPRESSED

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """What it holds, decompressed.

        Raises:
            UserError: it can't be read, or is damaged; or what reads it is not installed.
        """
        reader = COMPRESSED.get(PurePosixPath(self.place).suffix)
        with self._stored() as stored:
            if reader is None:
                yield stored
                return
            try:
                with reader(stored) as content:
                    yield content
            except DAMAGED as error:
                raise UserError(f"{self}: damaged ({error}).") from error

    def read_bytes(self) -> bytes:
        """All that it holds."""
        with self.open() as file:
            return file.read()

    def digest(self) -> str:
        """What changes with its content: the SHA-256 of a file here; of one in a store, what the store says of it."""
        if is_remote(self.place):
            system, path = file_system(self.place)
            return str(system.ukey(path))
        found = Path(self.place).stat()
        return _sha256(self.place, found.st_size, found.st_mtime_ns)

    def _stored(self) -> IO[bytes]:
        """The file as it is stored."""
        if not is_remote(self.place):
            return Path(self.place).open("rb")
        system, path = file_system(self.place)
        try:
            opened: IO[bytes] = system.open(path, "rb")
        except OSError as error:
            raise UserError(f"{self}: can't be read ({type(error).__name__}: {error}).") from error
        return opened if isinstance(opened, io.BufferedIOBase) else io.BufferedReader(opened)  # type: ignore[type-var]


@lru_cache(maxsize=1024)
def _sha256(place: str, size: int, changed: int) -> str:
    with Path(place).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_remote(place: str) -> bool:
    """Whether it is the URL of a store."""
    return "://" in place


def file_system(place: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path within it.

    Raises:
        UserError: there is no such store, or what reads it is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UserError(f"{place}: fsspec reads it, which is not installed: pip install dougong[stores]") from None
    try:
        found: tuple[Any, str] = url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise UserError(f"{place}: can't be read ({error}).") from error
    return found


def find_files(folder: str, name: str, key: str) -> list[DataFile]:
    """The files that a name within a folder stands for; those of a pattern (`part-*.gz`) in the order of their names.

    Args:
        folder: a path or URL; a name that is a URL itself, or begins at the root, is not within it.
        key: of the setting that holds the name, for error messages.

    Raises:
        UserError: there is none.
    """
    if is_remote(name) or is_remote(folder):
        return _find_remote(name if is_remote(name) else f"{folder.rstrip('/')}/{name}", key)
    path = Path(folder).expanduser()
    if not Path(name).is_absolute() and not path.is_dir():
        raise UserError(f"data.path: {path} is not a folder.")
    if (path / name).is_file():
        return [DataFile(str(path / name))]
    if not is_pattern(name):
        there = [item.name for item in path.iterdir() if item.is_file()]
        raise UserError(f"data.{key}: {path / name} does not exist. {suggestion(name, there, 'Files there')}")
    base, pattern = (Path("/"), name.lstrip("/")) if Path(name).is_absolute() else (path, name)
    found = [DataFile(str(item)) for item in sorted(base.glob(pattern)) if item.is_file()]
    if not found:
        raise UserError(f"data.{key}: no file matches {path / name}.")
    return found


def is_pattern(name: str) -> bool:
    """Whether a name may stand for several files."""
    return any(character in name for character in "*?[")


def _find_remote(place: str, key: str) -> list[DataFile]:
    system, path = file_system(place)
    try:
        if system.isfile(path):
            return [DataFile(place)]
        matched = sorted(system.glob(path)) if is_pattern(path) else []
        found = [DataFile(system.unstrip_protocol(item)) for item in matched if system.isfile(item)]
    except (OSError, ImportError) as error:
        raise UserError(f"data.{key}: {place} can't be read ({type(error).__name__}: {error}).") from error
    if not found:
        raise UserError(f"data.{key}: {f'no file matches {place}' if is_pattern(path) else f'{place} does not exist'}.")
    return found
