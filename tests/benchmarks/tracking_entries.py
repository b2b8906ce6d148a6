"""What an entry of the training metrics costs each tracker, in processor time, which other programs disturb little.

    python tests/benchmarks/tracking_entries.py

Without a training: ten metrics an entry, a hundred entries, after the service has been started.
"""

import tempfile
import time
from pathlib import Path

from dougong.contracts.background import BackgroundTracker
from dougong.contracts.tracker import RunInformation, Tracker
from dougong_plugins.tracker.csv import CsvTracker
from dougong_plugins.tracker.mlflow import MlflowTracker
from dougong_plugins.tracker.tensorboard import TensorBoardTracker
from dougong_plugins.tracker.wandb import WandbTracker

ENTRIES, METRICS = 100, {f"train/metric_{number}": float(number) for number in range(10)}


def cost(tracker: Tracker, folder: Path) -> tuple[float, float]:
    """Milliseconds an entry: of the training's own thread, and of the whole process."""
    folder.mkdir()
    tracker.start(RunInformation(folder, "run", "0a1b", {}, {}))
    tracker.log(METRICS, 0, 0)
    _settle(tracker)
    mine, process = time.thread_time(), time.process_time()
    for update in range(1, ENTRIES + 1):
        tracker.log(METRICS, update, 0)
    mine = time.thread_time() - mine
    _settle(tracker)
    process = time.process_time() - process
    tracker.finish("finished")
    return 1000 * mine / ENTRIES, 1000 * process / ENTRIES


def _settle(tracker: Tracker) -> None:
    if isinstance(tracker, BackgroundTracker):
        while not tracker._calls.empty():
            time.sleep(0.2)
        time.sleep(0.5)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as place:
        trackers = {
            "csv": CsvTracker(),
            "wandb": WandbTracker(mode="offline"),
            "tensorboard": TensorBoardTracker(),
            "mlflow": MlflowTracker(f"{place}/store"),
        }
        for name, tracker in trackers.items():
            mine, process = cost(tracker, Path(place) / name)
            print(f"{name:12} {mine:6.3f} ms of the training's thread, {process:6.2f} ms of the process")


if __name__ == "__main__":
    main()
