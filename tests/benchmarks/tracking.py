"""What tracking costs: the time of an update with and without trackers, alternating in one process.

    python tests/benchmarks/tracking.py [ROUNDS]

Each training has 1.8 million parameters and batches of 8 texts, logs every 10 updates and validates nothing, so what is
left is the entries themselves: the services have been started before the clock is. Ratios are of medians over the
rounds; each round trains all variants once.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from pytorch_lightning import Callback

import dougong
from dougong import register
from dougong.contracts.background import BackgroundTracker
from dougong.training.movement import Movement
from dougong.training.tracking import Tracking

UPDATES, LEFT_OUT = 110, 60
WORDS = [
    *(
        "data.size=1000",
        "data.valid_size=20",
        "loader.batch_size=8",
        "trainer=cpu",
        "trainer.precision=32",
        "trainer.progress=none",
    ),
    *(f"trainer.max_updates={UPDATES}", "trainer.validate_every=100000", "trainer.save_minutes=null", "test=false"),
    *("trainer.log_every=10", "save_predictions=false", "encoder.layers=2", "callback=clock"),
]
VARIANTS = {
    "none": "tracker=[]",
    "csv": "tracker=csv",
    "csv, wandb": "tracker=[csv,wandb]",
    "csv, tensorboard": "tracker=[csv,tensorboard]",
    "csv, mlflow": "tracker=[csv,mlflow]",
    "all four": "tracker=[csv,wandb,tensorboard,mlflow]",
}


@register("callback", "clock")
class Clock(Callback):
    """Times the updates from one on, when the services have been started, to the end."""

    seconds = (0.0, 0.0)

    def on_train_batch_end(self, trainer, *_):  # type: ignore[no-untyped-def]
        """Begin, or note how long it was."""
        if trainer.global_step == LEFT_OUT:
            for tracker in (item for told in trainer.callbacks if isinstance(told, Tracking) for item in told.trackers):
                while isinstance(tracker, BackgroundTracker) and not tracker._calls.empty():
                    time.sleep(0.05)
        now = time.perf_counter(), time.process_time()
        if trainer.global_step == LEFT_OUT:
            self.began = now
        if trainer.global_step == UPDATES:
            Clock.seconds = now[0] - self.began[0], now[1] - self.began[1]


def times_of(words: list[str], folder: Path) -> tuple[float, float]:
    """Milliseconds an update, by the clock and of the processor."""
    dougong.train([*WORDS, *words], folder=folder)
    wall, processor = (1000 * item / (UPDATES - LEFT_OUT) for item in Clock.seconds)
    return wall, processor


def entry_cost() -> tuple[float, float]:
    """Milliseconds of a processor for noting the weights and the ratio, for 1.8 and for 110 million parameters."""
    import torch

    found = []
    for shapes in ([(1024, 256)] * 7, [(30000, 768), *[(768, 3072)] * 37]):
        group = [{"params": [torch.randn(shape) for shape in shapes]}]
        movement, times = Movement(), []
        for _ in range(5):
            began = time.process_time()
            movement.before(group)
            dict(movement.ratios())
            times.append(time.process_time() - began)
        found.append(1000 * statistics.median(times))
    return found[0], found[1]


def main(rounds: int) -> None:
    """Print the table."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as place:
        for number in range(rounds):
            for name, words in VARIANTS.items():
                store = [f"tracker.mlflow.folder={place}/mlflow"] if "mlflow" in words else []
                times[name].append(times_of([words, *store], Path(place) / f"{number}-{name.replace(', ', '-')}"))
    base = [statistics.median(column) for column in zip(*times["none"], strict=True)]
    for name, found in times.items():
        wall, processor = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{name:18} {wall:7.2f} ms {wall / base[0]:.3f}   processor {processor:7.2f} ms {processor / base[1]:.3f}"
        )
    small, large = entry_cost()
    print(f"the update ratio of an entry: {small:.2f} ms (1.8 million parameters), {large:.2f} ms (110 million)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
