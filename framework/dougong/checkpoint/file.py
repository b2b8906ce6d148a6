"""Checkpoint files: written atomically, read without running code."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from dougong.checkpoint import archive, parts, spread
from dougong.errors import UserError

KEY = "dougong"
FORMAT = 1
# What `content[KEY]` holds beside the format.
PARTS = ("config", "facts", "tokenizer", "precision", "update", "position", "metrics")


def save(content: dict[str, Any], path: Path, keep: int = 1) -> None:
    """Write a checkpoint whole or not at all: a temporary file beside it, flushed to disk, then renamed.

    Args:
        keep: how many are to be there then; those before it bear a number, as `earlier` says.

    Raises:
        OSError: it can't be written; what was there before is there still.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        archive.write(content, temporary)
        _move_up(path, keep)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    archive.sync_folder(path.parent)


def earlier(path: Path, number: int) -> Path:
    """The file of the checkpoint that was saved as `path` so many saves ago, the newest being 1: `last-2.ckpt`."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def link(existing: Path, path: Path) -> None:
    """Let `path` be the same file as `existing`, atomically and without a copy where the file system can."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    temporary.unlink(missing_ok=True)
    try:
        os.link(existing, temporary)
    except OSError:
        temporary.write_bytes(existing.read_bytes())
    temporary.replace(path)
    archive.sync_folder(path.parent)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint of Dougong's. Nothing in it is executed: only tensors and plain values are taken.

    Raises:
        UserError: it is missing, damaged, tampered with, or not a checkpoint of Dougong's.
    """
    content = _read(path, mapped=False)
    in_parts = parts.KEY in content[KEY]
    return spread.whole(_attached(content, path)) if in_parts else content


def load_mapped(path: Path, check: bool = False) -> dict[str, Any]:
    """The same, with tensors left on the disk until they are used, and a `SpreadTensor` for each that lies in parts.

    Args:
        check: look now whether all parts are there and whole, and not when each is used.

    Raises:
        UserError: it is missing, damaged, tampered with, or not a checkpoint of Dougong's.
    """
    return _attached(_read(path, mapped=True), path, check)


def _read(path: Path, mapped: bool) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint.")
    archive.check_whole(path)
    content = archive.read(path, mapped)
    if not isinstance(content, dict) or KEY not in content:
        raise UserError(f"{path}: not a checkpoint of Dougong's.")
    found = content[KEY].get("format") if isinstance(content[KEY], dict) else None
    if found != FORMAT:
        raise UserError(f"{path}: written in format {found}; this version of Dougong reads format {FORMAT}.")
    if missing := [part for part in PARTS if part not in content[KEY]]:
        raise UserError(f"{path}: not complete; it lacks {', '.join(missing)}.")
    return content


def _attached(content: dict[str, Any], path: Path, check: bool = False) -> dict[str, Any]:
    if parts.KEY not in content[KEY]:
        return content
    # What becomes of this content lies in no parts, if it is saved again.
    described = content[KEY].pop(parts.KEY)
    return spread.attach(content, described, path, check)


def _move_up(path: Path, keep: int) -> None:
    """Make room for a new file, at no moment without a whole one."""
    for number in range(keep, 2, -1):
        with suppress(FileNotFoundError):
            earlier(path, number - 1).replace(earlier(path, number))
    if keep > 1 and path.exists():
        link(path, earlier(path, 2))
