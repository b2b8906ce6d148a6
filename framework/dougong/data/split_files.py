"""The files of a data plugin, one a split, and their lines."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dougong.data.files import DataFile, find_files, is_remote
from dougong.errors import UserError

BadRow = Callable[[str, str], None]
"""Told where a row is and why it can't be read, as `Data.bad_row` is."""


@dataclass(frozen=True)
class SplitFiles:
    """Files within a folder, which may be in an object store; compressed files are read as what they hold.

    Args:
        folder: a setting `path`.
        names: of the files of each split, or of another setting that names one: a name, a pattern (`part-*.tsv.gz`), or
            several; None where there are none.
    """

    folder: str
    names: Mapping[str, str | list[str] | None]

    def of(self, split: str) -> list[DataFile]:
        """The files of a split or another setting, each once; none where it names none.

        Raises:
            UserError: one is not there.
        """
        named = self.names[split]
        if named is None:
            return []
        given = [named] if isinstance(named, str) else named
        found = [file for name in given for file in find_files(self.folder, name, split)]
        return list(dict.fromkeys(found))

    def one(self, name: str) -> DataFile | None:
        """The file of a setting that names a single one; None where it names none.

        Raises:
            UserError: it is not there, or there are several.
        """
        found = self.of(name)
        if len(found) > 1:
            raise UserError(f"data.{name}: names several files ({found[0]}, {found[1]}, ...) and can be one only.")
        return found[0] if found else None

    def fingerprint(self) -> dict[str, str]:
        """What changes with the content of each file: of one on this machine, the SHA-256."""
        found: dict[str, str] = {}
        for name in self.names:
            with suppress(UserError):  # a split that is asked for tells of it
                found |= {file.place.removeprefix(self._within()): file.digest() for file in self.of(name)}
        return found

    def _within(self) -> str:
        return f"{self.folder.rstrip('/') if is_remote(self.folder) else Path(self.folder).expanduser()}/"


def text_lines(file: DataFile, bad_row: BadRow) -> Iterator[tuple[str, str | None]]:
    """(`file:line`, line) of each line, without a byte-order mark and its end; None after one that is not UTF-8."""
    with file.open() as content:
        for number, line in enumerate(content, 1):
            source = f"{file}:{number}"
            try:
                yield source, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                bad_row(source, f"not UTF-8 at byte {error.start + 1} (0x{line[error.start]:02x}).")
                yield source, None


def json_lines(files: Iterable[DataFile], bad_row: BadRow) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`file:line`, object) of each line that holds one."""
    for source, line in (pair for file in files for pair in text_lines(file, bad_row)):
        if line is None or not line.strip():
            continue
        try:
            row = json.loads(line)
        except RecursionError:
            bad_row(source, "not JSON that can be read (nested too deeply).")
        except json.JSONDecodeError as error:
            bad_row(source, f"not JSON ({error.msg} at column {error.colno}).")
        except ValueError:
            bad_row(source, "not JSON that can be read (a number of too many digits).")
        else:
            if isinstance(row, dict):
                yield source, row
            else:
                bad_row(source, "not a JSON object.")
