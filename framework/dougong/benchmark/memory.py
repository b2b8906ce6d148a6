"""How much memory this process takes, read from /proc: on Linux only."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

READABLE = Path("/proc/self/status").exists()
POLL = 0.005  # seconds
TOO_MUCH = 77
"""The exit code of a process that took more memory than it may."""


def growth_of(run: Callable[[], object]) -> int:
    """The bytes by which the peak of this process grows while `run` runs, for the first time since its start."""
    with suppress(OSError):  # where that is not allowed: a process that was just forked has hardly a peak to forget
        Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmHWM")  # `getrusage` would count the parent's peak as well
    run()
    return _status("VmHWM") - before


def free() -> int | None:
    """The bytes that could be taken now, or None where that can't be read."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    available = 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    try:  # a container may have less than its machine
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return available if limit == "max" else min(available, int(limit) - int(used))
    except (OSError, ValueError):
        return available


def die_beyond(extra: int) -> None:
    """End this process, at once, when it takes that many bytes more than now. It may be in the midst of an operator."""
    limit = _status("VmRSS") + extra

    def watch() -> None:
        while _status("VmRSS") <= limit:
            time.sleep(POLL)
        os._exit(TOO_MUCH)

    threading.Thread(target=watch, daemon=True).start()


def _status(name: str) -> int:
    """A figure of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
