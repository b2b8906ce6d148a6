"""Data: one record a line of a table."""

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.files import DataFile
from dougong.data.records import LabelledText, PlainText, Record, SourceTarget
from dougong.data.split_files import SplitFiles, text_lines
from dougong.errors import UserError, suggestion

Row = dict[str, Any] | list[str]
KEYS: dict[type[Record], tuple[str, ...]] = {
    PlainText: ("text",),
    LabelledText: ("text", "label"),
    SourceTarget: ("text", "target"),
}
"""The columns of each type of record, in the order of its fields."""


@register("data", "text_table")
class TextTable(Data):
    """Texts, with or without labels, from TSV, CSV or JSON-lines files.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        format: "auto" goes by the ending: `.csv`, `.jsonl`, and tab-separated for all others.
        text: the column of the text: a name of the header line, or a number from 0 where there is no such line.
        label: the column of the label, likewise.
        target: the column of what the text is to be turned into, likewise.
        on_bad_row: stop at a row that can't be read, or leave such rows out and count them.
    """

    yields: ClassVar = (LabelledText, PlainText, SourceTarget)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train.tsv",
        valid: str | list[str] | None = "valid.tsv",
        test: str | list[str] | None = "test.tsv",
        format: Literal["auto", "tsv", "csv", "jsonl"] = "auto",
        text: int | str = "text",
        label: int | str = "label",
        target: int | str = "target",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test})
        self.format = format
        self.text = text
        self.label = label
        self.target = target
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A small table a split."""
        for split in SPLITS:
            rows = "".join(
                f"{split} {number}: 这本书很{word}\t{word}\t第{number}本{word}书\n"
                for number in range(8)
                for word in "好坏"
            )
            (folder / f"{split}.tsv").write_text(f"text\tlabel\ttarget\n{rows}", encoding="utf-8")
        return {"path": str(folder)}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a row, in file order."""
        keys = KEYS[record]
        for source, row in (pair for file in self.files.of(split) for pair in self._rows(file, keys)):
            found = (self._cell(row, getattr(self, key), key, source) for key in keys)
            cells = list(takewhile(lambda cell: cell is not None, found))
            if len(cells) == len(keys):
                yield record(*cells, source=source)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def _rows(self, file: DataFile, wanted: Sequence[str]) -> Iterator[tuple[str, Row]]:
        """(file:line, cells) of each row that can be read."""
        form = self.format if self.format != "auto" else {".csv": "csv", ".jsonl": "jsonl"}.get(file.suffix, "tsv")
        if form == "jsonl":
            yield from self._jsonl(file)
            return
        header: list[str] | None = None
        named = any(isinstance(getattr(self, key), str) for key in wanted)
        for source, cells in (self._csv if form == "csv" else self._tsv)(file):
            if named and header is None:
                header = self._header(cells, source, wanted)
            elif header is None:
                yield source, cells
            elif len(cells) == len(header):
                yield source, dict(zip(header, cells, strict=True))
            else:
                self.bad_row(source, f"{len(cells)} columns where the header has {len(header)}.")

    def _tsv(self, file: DataFile) -> Iterator[tuple[str, list[str]]]:
        for source, line in text_lines(file, self.bad_row):
            if line and line.strip():
                yield source, line.split("\t")

    def _csv(self, file: DataFile) -> Iterator[tuple[str, list[str]]]:
        read: list[str] = []  # where the lines of the row being read stand

        def lines() -> Iterator[str]:
            for source, line in text_lines(file, self.bad_row):
                if line is not None:
                    read.append(source)
                    yield line + "\n"

        reader = csv.reader(lines(), strict=True)
        while True:
            read.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.bad_row(read[0], f"not CSV ({error}).")
                continue
            if cells:
                yield read[0], cells

    def _jsonl(self, file: DataFile) -> Iterator[tuple[str, Row]]:
        for source, line in text_lines(file, self.bad_row):
            if line is None or not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                self.bad_row(source, f"not JSON ({error.msg} at column {error.colno}).")
                continue
            except RecursionError:
                self.bad_row(source, "not JSON that can be read (nested too deeply).")
                continue
            except ValueError:
                self.bad_row(source, "not JSON that can be read (a number of too many digits).")
                continue
            if isinstance(row, dict | list):
                yield source, row
            else:
                self.bad_row(source, "not a JSON object.")

    def _header(self, cells: list[str], source: str, wanted: Sequence[str]) -> list[str]:
        numbers = " ".join(f"data.{key}={number}" for number, key in enumerate(wanted))
        for key in wanted:
            column = getattr(self, key)
            if isinstance(column, str) and column not in cells:
                raise UserError(
                    f"{source}: there is no column `{column}` (data.{key}). {suggestion(column, cells, 'Columns')} "
                    f"Without a header line, number the columns: {numbers}."
                )
            if cells.count(str(column)) > 1:
                raise UserError(f"{source}: there is a column `{column}` twice; number the columns, or rename one.")
        return cells

    def _cell(self, row: Row, column: int | str, key: str, source: str) -> str | None:
        """The text of a cell; None after a row that has none has been reported."""
        cells, names = (list(row.values()), list(row)) if isinstance(row, dict) else (row, [])
        if isinstance(column, int) and column >= len(cells):
            problem = f"{len(cells)} columns, and `{key}` is to be column {column}."
        elif isinstance(column, str) and column not in names:
            problem = f"there is no column `{column}` (data.{key}). {suggestion(column, names, 'Columns')}"
        else:
            value = cells[column if isinstance(column, int) else names.index(column)]
            if (found := _problem(value, key)) is None:
                return str(value)
            problem = found
        self.bad_row(source, problem)
        return None


def _problem(value: Any, key: str) -> str | None:
    """Why a cell can't be what it is to be, None where it can."""
    if value is None:
        return f"`{key}` is null."
    if not isinstance(value, str | int | float if key == "label" else str):
        return f"`{key}` is not a {key}."
    if not str(value).strip():
        return f"`{key}` is empty."
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return f"`{key}` is not Unicode text (half of a pair of surrogates)."
    return None
