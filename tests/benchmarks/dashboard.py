"""What it takes a dashboard to show many runs, and to look again: 200 runs of 2,000 points of two metrics, against
reading the same files alone.

python tests/benchmarks/dashboard.py
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report_page import make_runs

from dougong.dashboard.follow import Follower
from dougong.dashboard.store import Store
from dougong.runs.folders import find_runs
from dougong.runs.read import read_run


def main() -> None:
    """Print the seconds of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--points", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        make_runs(runs, given.runs, given.points)
        follower = Follower([str(runs)], Store(Path(folder)))
        print(f"{given.runs} runs x {given.points} points, seconds of processor time")
        print(f"to read them     {seconds(lambda: [read_run(path) for path in find_runs([runs])]):6.2f}")
        print(f"to show them     {seconds(follower.step):6.2f}")
        print(f"to look again    {seconds(follower.step):6.2f}")
        with (runs / "7" / "metrics.csv").open("a") as file:
            file.write("900000,9,train/loss,0.5\n")
        print(f"one has a new entry {seconds(follower.step):3.2f}")


def seconds(call: Callable[[], Any]) -> float:
    """What a call takes of one core."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
