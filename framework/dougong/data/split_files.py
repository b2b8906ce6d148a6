"""The files of a data plugin, one a split, and their lines."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dougong.errors import UserError, suggestion

BadRow = Callable[[str, str], None]
"""Told where a row is and why it can't be read, as `Data.bad_row` is."""


@dataclass(frozen=True)
class SplitFiles:
    """Files within a folder.

    Args:
        folder: a setting `path`.
        names: of the file of each split, or of another setting that names one; None where there is none.
    """

    folder: str
    names: Mapping[str, str | None]

    def path(self, split: str) -> Path | None:
        """The file of a split or another setting.

        Raises:
            UserError: it is not there.
        """
        name, folder = self.names[split], Path(self.folder).expanduser()
        if name is None:
            return None
        if not folder.is_dir():
            raise UserError(f"data.path: {folder} is not a folder.")
        path = folder / name
        if not path.is_file():
            there = [item.name for item in folder.iterdir() if item.is_file()]
            raise UserError(f"data.{split}: {path} does not exist. {suggestion(name, there, 'Files there')}")
        return path

    def fingerprint(self) -> dict[str, str]:
        """The SHA-256 of each file."""
        paths = [Path(self.folder).expanduser() / name for name in self.names.values() if name]
        return {path.name: _sha256(path) for path in paths if path.is_file()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_lines(path: Path, bad_row: BadRow) -> Iterator[tuple[str, str | None]]:
    """(`file:line`, line) of each line, without a byte-order mark and its end; None after one that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            source = f"{path}:{number}"
            try:
                yield source, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                bad_row(source, f"not UTF-8 at byte {error.start + 1} (0x{line[error.start]:02x}).")
                yield source, None


def json_lines(path: Path, bad_row: BadRow) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`file:line`, object) of each line that holds one."""
    for source, line in text_lines(path, bad_row):
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
