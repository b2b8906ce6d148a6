"""A run's folder belongs to one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dougong.errors import UserError

LOCK_FILE = ".lock"
# The system takes the lock away when the process ends, however it ends; a file of its number would stay.
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Within, no other run can begin or be resumed in a folder, which is made.

    Raises:
        UserError: another process has it, or it can't be written to.
    """
    if _rank() > 0:  # the first of a run's processes holds it for all
        yield
        return
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_FILE).open("w")
    with file:
        if not _lock(file.fileno()):
            raise UserError(f"{folder}: another process is training in it now.")
        yield


def is_held(folder: Path) -> bool:
    """Whether another process trains in a folder now."""
    try:
        with (folder / LOCK_FILE).open("r+") as file:
            return not _lock(file.fileno())
    except FileNotFoundError:
        return False


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Within, what can't be written is an error of one line.

    Raises:
        UserError: something can't.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{folder}: the run's folder can't be written to ({error.strerror or error}).") from error


def _lock(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _rank() -> int:
    found = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    return int(found) if found.isdecimal() else 0
