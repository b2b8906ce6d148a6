"""What training techniques do for the accuracy of a sentiment classifier, beside the plain training.

    python tests/benchmarks/technique_study.py --data FOLDER_OF_SENTIMENT --out RUNS [--seeds 1 2 3] [NAME ...]

Each is trained from scratch, one after the other: 2 layers, width 128, characters, 3 epochs, float32. A run that
has ended is not made again.
"""

import argparse
import csv
import time
from pathlib import Path

import dougong

WORDS = (
    *("experiment=sentiment", "encoder.layers=2", "embedding.dim=128", "trainer.max_epochs=3", "trainer.precision=32"),
    *("trainer=cpu", "trainer.progress=none", "tracker=csv"),
)
CONTENDERS = {
    "plain": (),
    "fgm": ("callback=fgm",),
    "fgm, epsilon 0.1": ("callback=fgm", "callback.fgm.epsilon=0.1"),
    "pgd, 2 steps": ("callback=pgd", "callback.pgd.steps=2"),
    "r_drop": ("callback=r_drop",),
    "gradient_penalty": ("callback=gradient_penalty", "callback.gradient_penalty.epsilon=0.03"),
    "layer_decay": ("optimizer.layer_decay=0.8",),
    "freeze_until": ("optimizer.groups.embedding.freeze_until=0.333",),
    "ema": ("callback=ema",),
}


def measured(folder: Path) -> dict[str, float] | None:
    """The best accuracy in validation, and that of the test; None where the run has not ended."""
    path = folder / "metrics.csv"
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as file:
        rows = [(row["metric"], float(row["value"])) for row in csv.DictReader(file)]
    test = [value for name, value in rows if name == "test/accuracy"]
    return {"valid": max(value for name, value in rows if name == "valid/accuracy"), "test": test[-1]} if test else None


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    arguments = parser.parse_args()
    for name in arguments.names or CONTENDERS:
        for seed in arguments.seeds:
            folder, start = arguments.out / f"{name.replace(', ', '_').replace(' ', '_')}_{seed}", time.process_time()
            if measured(folder) is None:
                words = [*WORDS, *CONTENDERS[name], f"seed={seed}", f"data.path={arguments.data}"]
                dougong.train(words, folder=folder)
            found = measured(folder) or {}
            shown = " | ".join(f"{value:.4f}" for value in found.values())
            print(f"| {name} | {seed} | {shown} | {time.process_time() - start:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
