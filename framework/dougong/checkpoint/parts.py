"""Checkpoints in parts: tensors that are spread over processes lie in a file of each of them, beside the checkpoint.

The checkpoint itself is small: in the place of such a tensor it has one without data, and it names the folder of the
parts, and the rows that each part has of each tensor. It is written last; before that, the parts belong to nothing.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dougong.checkpoint import archive
from dougong.errors import UserError

KEY = "parts"
_NAME = re.compile(r"parts-\d+-[0-9a-f]{8}")


def folder_name(update: int) -> str:
    """A new folder for the parts of a state; an update may be saved twice, as by a resumed run, so it is not enough."""
    return f"parts-{update}-{secrets.token_hex(4)}"


def part_path(folder: Path, part: int) -> Path:
    """The file of a part."""
    return folder / f"{part}.pt"


def write_part(tensors: list[Tensor], folder: Path, part: int) -> None:
    """Write the rows that one process has, of all spread tensors in their order.

    Raises:
        OSError: it can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archive.write(tensors, part_path(folder, part))
    archive.sync_folder(folder)


def description(name: str, rows: Sequence[list[int]]) -> dict[str, Any]:
    """What a checkpoint says of its parts.

    Args:
        name: of their folder, beside the checkpoint.
        rows: of each process, how many rows it has of each tensor.
    """
    return {"folder": name, "count": len(rows), "rows": [list(item) for item in zip(*rows, strict=True)]}


class SpreadTensor:
    """A tensor whose rows lie in several files. What is asked for is read.

    Args:
        open_part: the tensors of a part, by its number.
        number: of this tensor in each part.
        rows: how many each part has.
        outline: a tensor of the same shape and type, without data.
    """

    def __init__(self, open_part: Callable[[int], list[Tensor]], number: int, rows: list[int], outline: Tensor) -> None:
        self._open_part = open_part
        self._number = number
        self._rows = rows
        self._outline = outline

    @property
    def shape(self) -> torch.Size:
        """Of all rows."""
        return self._outline.shape

    def whole(self) -> Tensor:
        """All rows.

        Raises:
            UserError: a part is missing or damaged.
        """
        return self.rows(0, self.shape[0])

    def rows(self, start: int, stop: int) -> Tensor:
        """A copy of some of the rows; only the parts that have them are opened.

        Raises:
            UserError: such a part is missing or damaged.
        """
        found = torch.empty((stop - start, *self.shape[1:]), dtype=self._outline.dtype)
        first = 0
        for part, count in enumerate(self._rows):
            begin, end = max(start, first), min(stop, first + count)
            if begin < end:
                found[begin - start : end - start] = self._open_part(part)[self._number][begin - first : end - first]
            first += count
        return found


class _Parts:
    """The parts of one checkpoint; each is checked as it is opened.

    Args:
        path: of the checkpoint.
        described: what it says of them.
        outlines: the spread tensors, without data.

    Raises:
        UserError: what it says can't be.
    """

    def __init__(self, path: Path, described: Any, outlines: list[Tensor]) -> None:
        if not _is_sound(described, outlines):
            raise UserError(f"{path}: damaged; what it says of its parts can't be.")
        self.path = path
        self.folder = path.parent / described["folder"]
        self.count: int = described["count"]
        self.tensors = [
            SpreadTensor(self.open, number, rows, outline)
            for number, (rows, outline) in enumerate(zip(described["rows"], outlines, strict=True))
        ]
        self._opened: dict[int, list[Tensor]] = {}

    def open(self, part: int) -> list[Tensor]:
        """The tensors of a part, mapped."""
        if part not in self._opened:
            self._opened[part] = self._read(part)
        return self._opened[part]

    def _read(self, part: int) -> list[Tensor]:
        path = part_path(self.folder, part)
        if not path.is_file():
            raise UserError(
                f"{self.path}: not complete without its parts; {path} is missing. (To copy such a checkpoint as one "
                "file: dougong export checkpoint=... to=dougong output=DIR)"
            )
        try:
            archive.check_whole(path)
            found: list[Tensor] = archive.read(path, mapped=True)
        except UserError as error:
            raise UserError(f"{self.path}: damaged in one of its parts: {error}") from error
        if not self._fits(found, part):
            raise UserError(f"{self.path}: damaged in one of its parts: {path} does not hold what it should.")
        return found

    def _fits(self, found: Any, part: int) -> bool:
        """Whether a part holds the rows that it is said to hold."""
        if not isinstance(found, list) or len(found) != len(self.tensors):
            return False
        expected = ((item._outline, item._rows[part]) for item in self.tensors)
        return all(
            isinstance(rows, Tensor) and rows.dtype == outline.dtype and rows.shape == (count, *outline.shape[1:])
            for rows, (outline, count) in zip(found, expected, strict=True)
        )


def attach(content: dict[str, Any], described: Any, path: Path, check: bool = False) -> dict[str, Any]:
    """A checkpoint's content, with a `SpreadTensor` in each place of a tensor that lies in parts.

    Args:
        described: what the checkpoint says of its parts.
        path: of the checkpoint.
        check: look now whether all parts are there and whole.

    Raises:
        UserError: they are not, or the checkpoint says of them what can't be.
    """
    outlines: list[Tensor] = []
    _replace(content, _is_outline, outlines.append)
    parts = _Parts(path, described, outlines)
    for part in range(parts.count) if check else ():
        parts.open(part)
    in_order: Iterator[SpreadTensor] = iter(parts.tensors)
    attached: dict[str, Any] = _replace(content, _is_outline, lambda outline: next(in_order))
    return attached


def whole(tree: Any) -> Any:
    """Nested containers with every spread tensor read whole.

    Raises:
        UserError: a part is missing or damaged.
    """
    return _replace(tree, lambda item: isinstance(item, SpreadTensor), SpreadTensor.whole)


def sweep(folder: Path) -> None:
    """Delete parts that no checkpoint of the folder names, not even one that was set aside as damaged.

    No other process may be saving there.
    """
    found = [path for path in folder.glob("parts-*") if path.is_dir() and _NAME.fullmatch(path.name)]
    if not found:
        return
    try:
        named = {_named_by(path) for path in folder.glob("*.ckpt")}
    except UserError:
        return  # which are its parts can't be known; whoever resumes the run will set it aside
    for path in folder.glob("*.ckpt.damaged"):
        with suppress(UserError):
            named.add(_named_by(path))
    for path in found:
        if path.name not in named:
            shutil.rmtree(path, ignore_errors=True)


def _named_by(path: Path) -> str | None:
    content = archive.read(path, mapped=True)
    own = content.get("dougong") if isinstance(content, dict) else None
    described = own.get(KEY) if isinstance(own, dict) else None
    return described.get("folder") if isinstance(described, dict) else None


def _is_outline(item: Any) -> bool:
    return isinstance(item, Tensor) and item.is_meta


def _replace(tree: Any, matches: Callable[[Any], bool], new: Callable[[Any], Any]) -> Any:
    """Nested containers with other leaves for those that match, taken in their order."""
    if matches(tree):
        return new(tree)
    if isinstance(tree, Mapping):
        return {key: _replace(value, matches, new) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_replace(item, matches, new) for item in tree)
    return tree


def _is_sound(described: Any, outlines: list[Tensor]) -> bool:
    """Whether what a checkpoint says of its parts can be; it may come from anywhere."""
    if not isinstance(described, dict) or not {"folder", "count", "rows"} <= described.keys():
        return False
    name, count, rows = described["folder"], described["count"], described["rows"]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or type(count) is not int or not isinstance(rows, list):
        return False
    return len(rows) == len(outlines) and all(
        isinstance(item, list)
        and len(item) == count
        and all(type(number) is int and number >= 0 for number in item)
        and outline.ndim > 0
        and sum(item) == outline.shape[0]
        for item, outline in zip(rows, outlines, strict=True)
    )
