"""When a run began and ended, how it came to that, and the memory that it took: for its record."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dougong.runs.state import this_process


def beginning(record: Mapping[str, Any]) -> dict[str, Any]:
    """What to record as a run begins; one that goes on keeps its start."""
    return {"started": record.get("started", time.time()), "process": this_process(), "error": None}


def ending(before: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """What to record as a run ends.

    Args:
        before: the record as it was when the run went on: its seconds count as well.
        seconds: that it took since.
    """
    spent = before.get("seconds")
    spent = float(spent) if isinstance(spent, int | float) else 0.0
    return {"ended": time.time(), "seconds": round(spent + seconds, 1), **_peaks()}


def forget_peaks() -> None:
    """One process may train many runs, one after the other."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    if cuda := _cuda():
        cuda.reset_peak_memory_stats()


def memory_now() -> dict[str, float]:
    """What is taken now, in MiB, where that can be known; of a GPU, the most that was taken so far as well."""
    found: dict[str, float] = {}
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found["memory/process_mib"] = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
    if cuda := _cuda():
        found["memory/gpu_mib"] = round(cuda.memory_allocated() / 2**20, 1)
        found["memory/gpu_peak_mib"] = round(cuda.max_memory_allocated() / 2**20, 1)
    return found


def _peaks() -> dict[str, float]:
    """The most memory that was taken at a time, in MiB, where that can be known."""
    found: dict[str, float] = {}
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        found["peak_memory_mib"] = round(int(next(line for line in lines if line[:6] == "VmHWM:").split()[1]) / 1024, 1)
    if cuda := _cuda():
        found["peak_gpu_memory_mib"] = round(cuda.max_memory_allocated() / 2**20, 1)
    return found


def _cuda() -> Any:
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
