"""How a run stands: whether the process that its folder names still lives."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

State = Literal["running", "done", "failed", "interrupted"]
SILENT = 600.0
"""Seconds without a new line after which a run of another machine no longer counts as running."""

_ENDED: dict[str, State] = {"finished": "done", "interrupted": "interrupted", "failed": "failed"}


def this_process() -> dict[str, Any]:
    """What tells this process from all others, for a run's record."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _start(os.getpid())}


def state_of(record: Mapping[str, Any], folder: Path) -> State:
    """The state of a run.

    A run that says it is running is interrupted where its process is gone. Of another machine's processes nothing is
    known: its run counts as running while a file in the folder is not older than ten minutes.
    """
    said = record.get("status")
    if isinstance(said, str) and said in _ENDED:
        return _ENDED[said]
    process = record.get("process")
    lives = _lives(process) if isinstance(process, dict) else None
    if lives is None:
        lives = time.time() - last_change(folder) < SILENT
    return "running" if lives else "interrupted"


def last_change(folder: Path) -> float:
    """When a file directly in the folder was last written, in seconds since 1970; 0 where there is none."""
    newest = 0.0
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                newest = max(newest, path.stat().st_mtime)
    return newest


def _lives(process: Mapping[str, Any]) -> bool | None:
    """Whether a process of this machine lives; None where it is another machine's."""
    pid = process.get("pid")
    if process.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (OSError, OverflowError):
        return False
    # A number is given again: the same process began at the same time.
    return process.get("started") == _start(pid)


def _start(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None where that can't be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
