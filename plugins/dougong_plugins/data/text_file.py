"""Data: documents from plain text files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.files import DataFile, file_system, find_files, is_pattern, is_remote
from dougong.data.records import PlainText, Record
from dougong.errors import UserError
from dougong_plugins.data.plain_text.spans import Line, Span, divide, lines

PIECE = 1 << 16
"""Characters a record: a longer document comes in several."""

SHARE = 0.05

SEPARATORS = {
    "file": (rb"\n", rb"[ \t]", rb"(?=[\x00-\x7f\xc0-\xff])"),  # a line, else a word, else a character
    "empty_line": (rb"\n[ \t\r]*\n",),
    "line": (rb"\n",),
}
"""Where a file may be cut into splits: not within a document, unless the whole file is one."""


@register("data", "text_file")
class TextFile(Data):
    """Documents from UTF-8 text files of any size, which are read piece by piece.

    Args:
        path: a file, a pattern (`texts/*.gz`), or the folder of the files; may be in an object store (`s3://...`).
        train: files of the training split within the folder, or patterns; null for `path` itself, or all `.txt` files
            that no other split names.
        valid: files of the validation split; null cuts them off the training files, which must then lie here and be
            uncompressed.
        test: files of the test split, likewise.
        valid_share: of the training files, where `valid` is null: their last part but that of testing; null for 0.05.
        test_share: of the training files, where `test` is null: their last part; null for 0.05.
        documents: what a document is: a file, what stands between empty lines, or a line.
        on_bad_row: stop at a line that is not UTF-8, or leave such lines out and count them.
    """

    yields: ClassVar = (PlainText,)

    def __init__(
        self,
        path: str,
        train: list[str] | str | None = None,
        valid: list[str] | str | None = None,
        test: list[str] | str | None = None,
        valid_share: Annotated[float, Ge(0), Lt(1)] | None = None,
        test_share: Annotated[float, Ge(0), Lt(1)] | None = None,
        documents: Literal["file", "empty_line", "line"] = "file",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.path = path if is_remote(path) else str(Path(path).expanduser())
        given: dict[Split, list[str] | str | None] = {"train": train, "valid": valid, "test": test}
        self.named: dict[Split, list[str]] = {
            split: [names] if isinstance(names, str) else names for split, names in given.items() if names
        }
        self.shares = [self._share("valid", valid_share), self._share("test", test_share)]
        if sum(self.shares) >= 1:
            raise ValueError("valid_share: valid_share and test_share leave nothing for training.")
        self.documents = documents
        self.on_bad_row = on_bad_row

    def _share(self, split: Split, share: float | None) -> float:
        if split in self.named and share is not None:
            raise ValueError(f"{split}_share: data.{split} names files; leave one of the two out.")
        return 0.0 if split in self.named else SHARE if share is None else share

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A small file of documents, each a line."""
        lines = "".join(f"第{number}座桥，是木头的。\n" for number in range(200))
        (folder / "bridges.txt").write_text(lines, encoding="utf-8")
        return {"path": str(folder), "documents": "line"}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """The documents of a split, in the order of the files, long ones in several records."""
        for span in self._spans(split):
            yield from self._documents(span)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256, and where a split of one begins and ends."""
        found: dict[str, str] = {}
        for split in SPLITS:
            for number, span in enumerate(self._spans(split)):
                found[f"{split}:{number}"] = f"{span.file.digest()}:{span.begin}-{span.end}"
        return found

    def _spans(self, split: Split) -> list[Span]:
        if split != "train" and split in self.named:
            return [Span(file) for file in self._files(split)]
        shares = [1 - sum(self.shares), *self.shares]
        return divide(self._training_files(), shares, SEPARATORS[self.documents])[SPLITS.index(split)]

    def _training_files(self) -> list[DataFile]:
        if (files := self._files_at_path()) is not None:
            if self.named:
                name = next(iter(self.named))
                raise UserError(f"data.{name}: names files in a folder, and data.path={self.path} is a file.")
            return files
        if "train" in self.named:
            return self._files("train")
        others = {file for split in self.named for file in self._files(split)}
        try:
            found = [file for file in find_files(self.path, "*.txt", "train") if file not in others]
        except UserError:
            found = []
        if not found:
            raise UserError(f"data.train: {self.path} has no other .txt files; name the files to train on.")
        return found

    def _files_at_path(self) -> list[DataFile] | None:
        """The files that `path` itself stands for, None where it is a folder.

        Raises:
            UserError: there is nothing.
        """
        if is_remote(self.path):
            system, place = file_system(self.path)
            return None if system.isdir(place) else find_files(self.path.rpartition("/")[0], self.path, "path")
        path = Path(self.path)
        if path.is_dir():
            return None
        if not path.is_file() and not is_pattern(path.name):
            raise UserError(f"data.path: {path} does not exist.")
        return find_files(str(path.parent), path.name, "path")

    def _files(self, split: Split) -> list[DataFile]:
        if self._files_at_path() is not None:
            raise UserError(f"data.path: {self.path} is not a folder, and data.{split} names files in one.")
        return [file for name in self.named[split] for file in find_files(self.path, name, split)]

    def _documents(self, span: Span) -> Iterator[PlainText]:
        """The documents of a part of a file, in pieces of whole lines where lines are not too long."""
        held: list[str] = []
        source, size, continues = "", 0, False
        for line, text in self._texts(span):
            source = source if held else f"{span.file}:{line.number}"
            ends = self._ends_before(line, text)
            if held and (ends or size >= PIECE):
                yield PlainText(self._joined(held, ends), continues, source=source)
                source, held, size, continues = f"{span.file}:{line.number}", [], 0, not ends
            if self.documents == "file" or text.strip() or not line.starts:
                held.append(text)
                size += len(text)
            elif ends:
                continues = False
        if held:
            yield PlainText(self._joined(held, True), continues, source=source)

    def _ends_before(self, line: Line, text: str) -> bool:
        """Whether a document that began earlier ends before this line."""
        if self.documents == "line":
            return line.starts
        return self.documents == "empty_line" and line.starts and not text.strip()

    def _joined(self, held: list[str], ends: bool) -> str:
        """The text of a piece, without the line end that separates documents."""
        text = "".join(held)
        return text.rstrip("\r\n") if ends and self.documents != "file" else text

    def _texts(self, span: Span) -> Iterator[tuple[Line, str]]:
        for line in lines(span):
            first = span.begin == 0 and line.number == 1 and line.starts
            try:
                yield line, line.content.decode("utf-8-sig" if first else "utf-8")
            except UnicodeDecodeError as error:
                byte = line.content[error.start]
                place = line.begin + error.start + 1
                self.bad_row(f"{span.file}:{line.number}", f"not UTF-8 at byte {place} (0x{byte:02x}).")
