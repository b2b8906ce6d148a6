"""Checkpoint files: written atomically, read without running code."""

import os
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

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
        _write(content, temporary)
        _move_up(path, keep)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


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
    _sync_folder(path.parent)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint of Dougong's. Nothing in it is executed: only tensors and plain values are taken.

    Raises:
        UserError: it is missing, damaged, tampered with, or not a checkpoint of Dougong's.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint.")
    _check_whole(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused, since it holds more than tensors and plain values and could run code."
        ) from error
    except Exception as error:  # reading what is damaged may fail in any way
        raise UserError(f"{path}: damaged ({_in_a_line(error)}).") from error
    if not isinstance(content, dict) or KEY not in content:
        raise UserError(f"{path}: not a checkpoint of Dougong's.")
    found = content[KEY].get("format") if isinstance(content[KEY], dict) else None
    if found != FORMAT:
        raise UserError(f"{path}: written in format {found}; this version of Dougong reads format {FORMAT}.")
    if missing := [part for part in PARTS if part not in content[KEY]]:
        raise UserError(f"{path}: not complete; it lacks {', '.join(missing)}.")
    return content


def _write(content: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # PyTorch says that a position is unexpected where the disk is full.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        file.flush()
        os.fsync(file.fileno())


def _move_up(path: Path, keep: int) -> None:
    """Make room for a new file, at no moment without a whole one."""
    for number in range(keep, 2, -1):
        with suppress(FileNotFoundError):
            earlier(path, number - 1).replace(earlier(path, number))
    if keep > 1 and path.exists():
        link(path, earlier(path, 2))


def _check_whole(path: Path) -> None:
    """Compare the checksums that the file carries; PyTorch itself does not look at them."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: not a checkpoint, or cut short ({error}).") from error
    except Exception as error:  # reading what is damaged may fail in any way
        raise UserError(f"{path}: damaged ({_in_a_line(error)}).") from error
    if damaged:
        raise UserError(f"{path}: damaged; the checksum of its part {damaged} does not match.")


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # a system that can't open folders has no need of it
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
