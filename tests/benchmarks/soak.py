"""A long training of small steps: whether memory or the time of a step grows, with trackers, validation and saving on.

    python tests/benchmarks/soak.py [--updates 20000] [--minutes 20]

Trains a tiny classifier on the embedded data in a process of its own. Its memory, and that of the processes it starts
(wandb's service), is looked at from outside every second; step times are those that the run itself records. The first
tenth is left out, in which imports, pools and caches fill. Prints a table, and as JSON with `--json FILE`.
"""

import argparse
import csv
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

BATCH, TEXTS, LOG_EVERY = 4, 2000, 10

SETTINGS = [
    *("task=classification", f"data.size={TEXTS}", "data.valid_size=100", "data.test_size=20"),
    *("encoder.layers=1", "encoder.heads=1", "embedding.dim=16", "task.max_length=16"),
    *("trainer=cpu", "trainer.precision=32", "trainer.progress=lines", "tracker=[csv,wandb]"),
    *(f"loader.batch_size={BATCH}", f"trainer.log_every={LOG_EVERY}", "schedule=constant"),
]


def memory(process: psutil.Process) -> tuple[float, float]:
    """MiB that a process, and those that it started, keep in memory and no file backs."""

    def private(one: psutil.Process) -> float:
        found = one.memory_info()
        return float(found.rss - found.shared) / 2**20

    others = 0.0
    for child in process.children(recursive=True):
        try:
            others += private(child)
        except psutil.NoSuchProcess:
            continue
    return private(process), others


def last_update(path: Path) -> int:
    """The update of the newest line of `metrics.csv`."""
    try:
        with path.open("rb") as file:
            file.seek(-min(4096, path.stat().st_size), os.SEEK_END)
            lines = file.read().decode().splitlines()
        return int(lines[-2].split(",")[0])
    except (OSError, ValueError, IndexError):
        return 0


def watch(folder: Path, updates: int, minutes: float) -> list[tuple[int, float, float]]:
    """Run the training; (update, MiB of it, MiB of what it started) every second.

    Raises:
        RuntimeError: it failed.
    """
    epochs = -(-updates * BATCH // TEXTS)
    command = [sys.executable, "-m", "dougong", "train", *SETTINGS, f"trainer.max_epochs={epochs}"]
    command += [f"trainer.max_updates={updates}", f"hydra.run.dir={folder}"]
    environment = {**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    found, end = [], time.monotonic() + 60 * minutes
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as training:
        process = psutil.Process(training.pid)
        while training.poll() is None:
            time.sleep(1)
            if time.monotonic() > end:
                training.terminate()
                break
            try:
                found.append((last_update(folder / "metrics.csv"), *memory(process)))
            except psutil.NoSuchProcess:
                break
    if training.returncode:
        raise RuntimeError(f"the training ended with {training.returncode}")
    return found


def step_times(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Updates, and the milliseconds of a step up to each since the entry before."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "speed/examples_per_second"]
    return np.array([int(row["update"]) for row in rows]), np.array(
        [1000 * BATCH / float(row["value"]) for row in rows]
    )


def summary(updates: Any, values: Any) -> dict[str, float]:
    """Medians of the first and last quarter, and the slope of a straight line, leaving out the first tenth."""
    updates, values = np.asarray(updates), np.asarray(values)
    kept = updates >= updates.max() / 10
    updates, values = updates[kept], values[kept]
    quarter = max(1, len(values) // 4)
    first, last = float(np.median(values[:quarter])), float(np.median(values[-quarter:]))
    # Between medians of tenths: a pause of the machine is no growth.
    parts = [part for part in np.array_split(np.arange(len(values)), 10) if len(part)]
    medians = [(float(np.median(updates[part])), float(np.median(values[part]))) for part in parts]
    slope = float(np.polyfit(*zip(*medians, strict=True), 1)[0]) * 10_000
    return {"first quarter": first, "last quarter": last, "growth %": 100 * (last / first - 1), "per 10,000": slope}


def main() -> None:
    """Train, look on, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=20.0, help="stop after so long")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dougong-soak-") as name:
        started = time.monotonic()
        folder = Path(name) / "run"
        seen = watch(folder, options.updates, options.minutes)
        updates, times = step_times(folder / "metrics.csv")
        seconds = time.monotonic() - started
    # Not what comes after the last update, where all is given back.
    training = itertools.takewhile(lambda sample: sample[0] < updates.max(), seen)
    numbers, own, others = zip(*training, strict=True)
    rows = {
        "memory of the training, MiB": summary(numbers, own),
        "memory of the tracker's service, MiB": summary(numbers, others),
        "time of a step, ms": summary(updates, times),
    }
    print(f"{updates.max():,} updates in {seconds:,.0f} s\n")
    print("| | " + " | ".join(next(iter(rows.values()))) + " |\n|---|" + "---:|" * 4)
    for what, values in rows.items():
        print(f"| {what} | " + " | ".join(f"{value:.3f}" for value in values.values()) + " |")
    if options.json:
        raw = {"memory": seen, "steps": [updates.tolist(), times.tolist()]}
        options.json.write_text(json.dumps({"seconds": seconds, "summary": rows, **raw}), encoding="utf-8")


if __name__ == "__main__":
    main()
