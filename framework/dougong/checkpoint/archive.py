"""Files of tensors and plain values: flushed to disk when written, checked when read, and read without running code."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from dougong.errors import UserError


def write(content: Any, path: Path) -> None:
    """Write a file, and flush it to disk.

    Raises:
        OSError: it can't be written.
    """
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


def read(path: Path, mapped: bool = False) -> Any:
    """What a file holds.

    Args:
        mapped: leave tensors on the disk; each part of them comes into memory when it is used, and may leave it again.

    Raises:
        UserError: it is damaged, tampered with, or something else.
    """
    try:
        return torch.load(str(path) if mapped else path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused, since it holds more than tensors and plain values and could run code."
        ) from error
    except Exception as error:  # reading what is damaged may fail in any way
        raise UserError(f"{path}: damaged ({_in_a_line(error)}).") from error


def check_whole(path: Path) -> None:
    """Compare the checksums that the file carries; PyTorch itself does not look at them.

    Raises:
        UserError: they are not those of what is there.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            damaged = opened.testzip()
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: not a checkpoint, or cut short ({error}).") from error
    except Exception as error:  # reading what is damaged may fail in any way
        raise UserError(f"{path}: damaged ({_in_a_line(error)}).") from error
    if damaged:
        raise UserError(f"{path}: damaged; the checksum of its part {damaged} does not match.")


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed and removed in a folder survive a power cut."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # a system that can't open folders has no need of it
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
