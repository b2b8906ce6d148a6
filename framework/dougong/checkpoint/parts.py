"""Checkpoints in parts: tensors that are spread over processes lie in a file of each of them, beside the checkpoint.

The checkpoint itself is small: in the place of such a tensor it has one without data, and it names the folder of the
parts, and the rows that each part has of each tensor. It is written last; before that, the parts belong to nothing.
"""

import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

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


def is_sound(described: Any, outlines: list[Tensor]) -> bool:
    """Whether what a checkpoint says of its parts can be, since it may come from anywhere.

    Args:
        outlines: the tensors that lie in parts, without data.
    """
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
