"""How optimizers and wrappers learn real data: same updates, a small sweep of learning rates, three seeds.

    python tests/benchmarks/optimizer_curves.py sentiment --path FOLDER --out FOLDER
    python tests/benchmarks/optimizer_curves.py characters --path INPUT_TXT --out FOLDER
    python tests/benchmarks/optimizer_curves.py lazy --path FOLDER_OF_CSL_CATEGORY --out FOLDER \
        --set tokenizer.vocab=VOCAB_TXT

The learning rate of each arm is the best of its sweep with seed 0 on the validation split; then come seeds 1 and 2.
Runs that are finished are not run again. Writes `results.csv`, `curves.png` (the loss of training, smoothed) and prints
a table.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SMALL = ("encoder.layers=2", "embedding.dim=128", "tracker=csv", "trainer=cpu", "trainer.precision=32")
ADAM_LRS = ("3e-4", "1e-3", "3e-3", "1e-2")
LAZY_LRS = ("3e-4",)
CORES = {
    "adamw": ("optimizer=adamw", ADAM_LRS),
    "adax": ("optimizer=adax", ADAM_LRS),
    "adafactor": ("optimizer=adafactor", ("3e-3", "1e-2", "3e-2", "1e-1")),
    "lookahead(adamw)": ("optimizer=adamw wrapper=[lookahead]", ADAM_LRS),
}
LAZY = {
    "adamw": ("optimizer=adamw", LAZY_LRS),
    "lazy rows": ("optimizer=adamw wrapper=[lazy] wrapper.lazy.mode=rows", LAZY_LRS),
    "lazy mask": ("optimizer=adamw wrapper=[lazy] wrapper.lazy.mode=mask", LAZY_LRS),
}
STUDIES: dict[str, dict[str, Any]] = {
    "sentiment": {
        "settings": ("experiment=sentiment", "trainer.max_updates=400", *SMALL),
        "arms": CORES,
        "metric": "accuracy",
        "better": max,
    },
    "characters": {
        "settings": (
            *("task=causal_lm", "data=text_file", "tokenizer=byte", "schedule=linear_warmup", "task.length=256"),
            *("loader.batch_size=16", "trainer.max_updates=400", "trainer.max_epochs=20", *SMALL),
        ),
        "arms": CORES,
        "metric": "bits_per_character",
        "better": min,
    },
    "lazy": {
        "settings": (
            *("data=text_table", "data.train=train.tsv", "data.valid=dev.tsv", "data.test=test.tsv", "data.text=0"),
            *("data.label=1", "task=classification", "tokenizer=wordpiece", "trainer.max_epochs=2"),
            *(*SMALL, "embedding.dim=256", "task.max_length=128"),
        ),
        "arms": LAZY,
        "metric": "accuracy",
        "better": max,
    },
}


def one(
    study: dict[str, Any], path: str, changes: list[str], folder: Path, arm: str, lr: str, seed: int
) -> dict[str, Any]:
    """The result of one run, run now unless it was before."""
    name = f"{arm}-{lr}-{seed}".replace(" ", "_")
    kept = folder / name / "result.json"
    if not kept.exists():
        shutil.rmtree(kept.parent, ignore_errors=True)  # of a run that was interrupted
        words = [
            *study["settings"],
            *changes,
            *study["arms"][arm][0].split(),
            f"data.path={path}",
            f"optimizer.lr={lr}",
            f"seed={seed}",
        ]
        code = "import dougong, json, sys; r = dougong.train(sys.argv[2:], sys.argv[1]); print(json.dumps(r.metrics))"
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", code, str(folder / name / "run"), *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: {done.stderr[-2000:]}")
        kept.write_text(done.stdout.splitlines()[-1])
    metrics = json.loads(kept.read_text())
    print(f"{name}: {metrics}", file=sys.stderr, flush=True)
    return {"arm": arm, "lr": lr, "seed": seed, "folder": name, **metrics}


def main() -> None:
    """Run a study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--path", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], help="a further override")
    options = parser.parse_args()
    study, folder = STUDIES[options.study], options.out / options.study
    folder.mkdir(parents=True, exist_ok=True)
    metric, better = study["metric"], study["better"]

    def run(case: tuple[str, str, int]) -> dict[str, Any]:
        return one(study, options.path, options.set, folder, *case)

    with ThreadPoolExecutor(options.jobs) as pool:
        sweep = list(pool.map(run, [(arm, lr, 0) for arm, (_, lrs) in study["arms"].items() for lr in lrs]))
        best = {
            arm: better((row for row in sweep if row["arm"] == arm), key=lambda row: row[f"valid/{metric}"])["lr"]
            for arm in study["arms"]
        }
        rows = sweep + list(pool.map(run, [(arm, lr, seed) for arm, lr in best.items() for seed in (1, 2)]))
    with (folder / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    print(f"| arm | learning rate | valid {metric} | test {metric} |\n|---|---:|---:|---:|")
    for arm, lr in best.items():
        chosen = [row for row in rows if row["arm"] == arm and row["lr"] == lr]
        cells = [spread([row[f"{split}/{metric}"] for row in chosen]) for split in ("valid", "test")]
        print(f"| {arm} | {lr} | {' | '.join(cells)} |")
    draw(folder, {arm: [row for row in rows if row["arm"] == arm and row["lr"] == lr] for arm, lr in best.items()})


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def draw(folder: Path, chosen: dict[str, list[dict[str, Any]]]) -> None:
    """The loss over the updates, mean of the seeds."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for arm, rows in chosen.items():
        curves = [curve(folder / row["folder"] / "run" / "metrics.csv") for row in rows]
        updates = sorted(set.intersection(*(set(item) for item in curves)))
        axes.plot(updates, [statistics.mean(item[update] for item in curves) for update in updates], label=arm)
    axes.set_xlabel("updates")
    axes.set_ylabel("training loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(folder / "curves.png", dpi=130)


def curve(path: Path) -> dict[int, float]:
    """Update to loss, each the mean of the last five that were logged."""
    with path.open() as file:
        found = [(int(row[0]), float(row[3])) for row in csv.reader(file) if row[2:3] == ["train/loss"]]
    window = 5
    return {
        update: statistics.mean(loss for _, loss in found[max(0, index - window + 1) : index + 1])
        for index, (update, _) in enumerate(found)
    }


if __name__ == "__main__":
    main()
