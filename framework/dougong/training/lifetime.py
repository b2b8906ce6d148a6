"""When a run began and ended, how it came to that, and the memory that it took: for its record."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dougong.runs.state import this_process

Update = Callable[[dict[str, Any]], None]


@contextmanager
def lifetime(record: Mapping[str, Any], update: Update) -> Iterator[None]:
    """Record the beginning, and when left the end, with the error if it was one.

    Args:
        record: what was recorded before: a run that goes on keeps its start, and adds to its seconds.
        update: adds to the record.
    """
    begun = time.time()
    before = record.get("seconds")
    spent = float(before) if isinstance(before, int | float) else 0.0
    update({"status": "running", "started": record.get("started", begun), "process": this_process(), "error": None})
    _forget_peaks()
    end: dict[str, Any] = {}
    try:
        yield
    except KeyboardInterrupt:
        end = {"status": "interrupted"}
        raise
    except BaseException as error:
        end = {"status": "failed", "error": f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]}
        raise
    finally:
        now = time.time()
        with suppress(OSError):  # a full disk: what went wrong before is to be told, not this
            update({**end, "ended": now, "seconds": round(spent + now - begun, 1), **_peaks()})


def _forget_peaks() -> None:
    """One process may train many runs, one after the other."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    if cuda := _cuda():
        cuda.reset_peak_memory_stats()


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
