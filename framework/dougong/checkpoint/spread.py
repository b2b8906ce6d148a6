"""Reading checkpoints in parts: a tensor that lies in several files is read as far as it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dougong.checkpoint import archive, parts
from dougong.errors import UserError


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
        if not parts.is_sound(described, outlines):
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
        path = parts.part_path(self.folder, part)
        if not self.folder.is_dir():
            raise UserError(
                f"{self.path}: not complete without the folder of its parts, {self.folder}; to move it as one file, "
                "first write one: dougong export checkpoint=... to=dougong output=DIR"
            )
        if not path.is_file():
            raise UserError(f"{self.path}: damaged; its part {path} is missing.")
        try:
            archive.check_whole(path)
            found: list[Tensor] = archive.read(path, mapped=True)
        except UserError as error:
            raise UserError(f"{self.path}: damaged in a part: {error}") from error
        if not self._fits(found, part):
            raise UserError(f"{self.path}: damaged in a part: {path} does not hold what it should.")
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
    try:
        _replace(content, _is_outline, outlines.append)
    except RecursionError as error:
        raise UserError(f"{path}: damaged; it is nested too deeply.") from error
    opened = _Parts(path, described, outlines)
    for part in range(opened.count) if check else ():
        opened.open(part)
    in_order: Iterator[SpreadTensor] = iter(opened.tensors)
    attached: dict[str, Any] = _replace(content, _is_outline, lambda outline: next(in_order))
    return attached


def whole(tree: Any) -> Any:
    """Nested containers with every spread tensor read whole.

    Raises:
        UserError: a part is missing or damaged.
    """
    return _replace(tree, lambda item: isinstance(item, SpreadTensor), SpreadTensor.whole)


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
