"""Data: one record a line of a table."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.records import LabelledText, PlainText, Record
from dougong.errors import UserError, suggestion

Row = dict[str, Any] | list[str]


@register("data", "text_table")
class TextTable(Data):
    """Texts, with or without labels, from TSV, CSV or JSON-lines files.

    Args:
        path: the folder of the files.
        train: file of the training split, within `path`.
        valid: file of the validation split; null for none.
        test: file of the test split; null for none.
        format: "auto" goes by the ending: `.csv`, `.jsonl`, and tab-separated for all others.
        text: the column of the text: a name of the header line, or a number from 0 where there is no such line.
        label: the column of the label, likewise.
        on_bad_row: stop at a row that can't be read, or leave such rows out and count them.
    """

    yields: ClassVar = (LabelledText, PlainText)

    def __init__(
        self,
        path: str,
        train: str = "train.tsv",
        valid: str | None = "valid.tsv",
        test: str | None = "test.tsv",
        format: Literal["auto", "tsv", "csv", "jsonl"] = "auto",
        text: int | str = "text",
        label: int | str = "label",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.folder = Path(path).expanduser()
        self.files: dict[Split, str | None] = {"train": train, "valid": valid, "test": test}
        self.format = format
        self.text = text
        self.label = label
        self.on_bad_row = on_bad_row

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a row, in file order."""
        name = self.files[split]
        if name is None:
            return
        path = self._file(name)
        for source, row in self._rows(path):
            text = self._cell(row, self.text, "text", source)
            if text is None:
                continue
            if record is PlainText:
                yield PlainText(text, source=source)
                continue
            label = self._cell(row, self.label, "label", source)
            if label is not None:
                yield LabelledText(text, label, source=source)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        paths = [self.folder / name for split in SPLITS if (name := self.files[split])]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}

    def _file(self, name: str) -> Path:
        if not self.folder.is_dir():
            raise UserError(f"data.path: {self.folder} is not a folder.")
        path = self.folder / name
        if not path.is_file():
            there = [item.name for item in self.folder.iterdir() if item.is_file()]
            split = next(split for split in SPLITS if self.files[split] == name)
            raise UserError(f"data.{split}: {path} does not exist. {suggestion(name, there, 'Files there')}")
        return path

    def _rows(self, path: Path) -> Iterator[tuple[str, Row]]:
        """(file:line, cells) of each row that can be read."""
        form = self.format if self.format != "auto" else {".csv": "csv", ".jsonl": "jsonl"}.get(path.suffix, "tsv")
        read = {"csv": self._csv, "tsv": self._tsv, "jsonl": self._jsonl}[form]
        yield from read(path)

    def _lines(self, path: Path) -> Iterator[tuple[int, str]]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    byte = line[error.start]
                    self.bad_row(f"{path}:{number}", f"not UTF-8 at byte {error.start + 1} (0x{byte:02x}).")

    def _tsv(self, path: Path) -> Iterator[tuple[str, Row]]:
        header: list[str] | None = None
        for number, line in self._lines(path):
            if not line.strip():
                continue
            cells = line.split("\t")
            if self._named and header is None:
                header = self._header(cells, path)
                continue
            yield from self._row(cells, header, f"{path}:{number}")

    def _csv(self, path: Path) -> Iterator[tuple[str, Row]]:
        header: list[str] | None = None
        reader = csv.reader((line + "\n" for _, line in self._lines(path)), strict=True)
        while True:
            begin = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.bad_row(f"{path}:{begin}", f"not CSV ({error}).")
                continue
            if self._named and header is None:
                header = self._header(cells, path)
            elif cells:
                yield from self._row(cells, header, f"{path}:{begin}")

    def _jsonl(self, path: Path) -> Iterator[tuple[str, Row]]:
        for number, line in self._lines(path):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                self.bad_row(f"{path}:{number}", f"not JSON ({error.msg} at column {error.colno}).")
                continue
            if isinstance(row, dict | list):
                yield f"{path}:{number}", row
            else:
                self.bad_row(f"{path}:{number}", "not a JSON object.")

    @property
    def _named(self) -> bool:
        return isinstance(self.text, str) or isinstance(self.label, str)

    def _header(self, cells: list[str], path: Path) -> list[str]:
        for key, column in (("text", self.text), ("label", self.label)):
            if isinstance(column, str) and column not in cells and key == "text":
                raise UserError(
                    f"{path}:1: there is no column `{column}` (data.{key}). {suggestion(column, cells, 'Columns')} "
                    f"Without a header line, number the columns: data.text=0 data.label=1."
                )
        return cells

    def _row(self, cells: list[str], header: list[str] | None, source: str) -> Iterator[tuple[str, Row]]:
        if header is None:
            yield source, cells
        elif len(cells) == len(header):
            yield source, dict(zip(header, cells, strict=True))
        else:
            self.bad_row(source, f"{len(cells)} columns where the header has {len(header)}.")

    def _cell(self, row: Row, column: int | str, key: str, source: str) -> str | None:
        """The text of a cell; None after a row that has none has been reported."""
        value: Any = None
        if isinstance(row, dict):
            names = list(row)
            value = row.get(column if isinstance(column, str) else names[column] if column < len(names) else "")
            if value is None:
                raise_or_count = (
                    f"there is no column `{column}` (data.{key}). {suggestion(str(column), names, 'Columns')}"
                )
                self.bad_row(source, raise_or_count)
        elif isinstance(column, int) and column < len(row):
            value = row[column]
        else:
            self.bad_row(source, f"{len(row)} columns, and `{key}` is to be column {column}.")
        if value is not None and not str(value).strip():
            self.bad_row(source, f"`{key}` is empty.")
            return None
        return None if value is None else str(value)
