"""Run folders as a training leaves them, written without training."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

CONFIG: dict[str, Any] = {
    "seed": 0,
    "trainer": {"max_epochs": 5, "progress": "auto"},
    "task": {"name": "classification", "dropout": 0.1},
    "data": {"name": "toy", "size": 2000},
    "optimizer": {"name": "adamw", "lr": 0.001, "groups": {}},
    "tracker": {"csv": {"name": "csv"}},
    "attention": {"full": {"name": "full", "dropout": 0.0}},
}


def config(attention: str = "full", seed: int = 0, lr: float = 0.001, **more: Any) -> dict[str, Any]:
    """A configuration, of which these few are not as usual."""
    own = {"local": {"window": 4}}.get(attention, {})
    return {
        **CONFIG,
        "seed": seed,
        "attention": {attention: {"name": attention, "dropout": 0.0, **own}},
        "optimizer": {**CONFIG["optimizer"], "lr": lr},
        **more,
    }


def write_run(
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    accuracy: float = 0.8,
    points: int = 20,
    overrides: Sequence[str] | None = ("attention=full",),
    **record: Any,
) -> Path:
    """A finished run whose loss falls over `points` entries; `record` goes into run.json as it is."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings or CONFIG, sort_keys=False), encoding="utf-8")
    metrics = {"valid/loss": 0.5, "valid/accuracy": accuracy, "test/accuracy": accuracy - 0.01}
    facts = {"main_metric": "accuracy", "higher_is_better": True, "parameters": 1234, "packages": {"torch": "2.6"}}
    usual = {"status": "finished", "metrics": metrics, "seconds": 12.5, "started": 1e9, "ended": 1e9 + 12.5}
    words = {} if overrides is None else {"words": list(overrides)}
    (folder / "run.json").write_text(json.dumps({**usual, **words, "facts": facts, **record}), encoding="utf-8")
    write_metrics(folder, accuracy, points)
    return folder


def write_metrics(folder: Path, accuracy: float, points: int) -> None:
    """Training loss and speed at each entry, validation at each tenth."""
    noise = np.random.default_rng(int(accuracy * 1e6)).normal(0, 0.05, points)
    rows: list[list[Any]] = [["update", "epoch", "metric", "value"]]
    for place in range(points):
        update = 10 * (place + 1)
        rows.append([update, 0, "train/loss", repr(float(2 * np.exp(-3 * place / points) + noise[place]))])
        rows.append([update, 0, "speed/examples_per_second", 100.0])
        if place % max(1, points // 10) == 0:
            rows.append([update, 0, "valid/accuracy", accuracy * (place + 1) / points])
    rows.append([10 * points, 0, "valid/accuracy", accuracy])
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def write_predictions(folder: Path, right: Sequence[bool], identities: Sequence[str] | None = None) -> None:
    """Predictions of test records, of which these were right."""
    names = identities or [f"record{place}" for place in range(len(right))]
    rows: list[dict[str, Any]] = [{"version": 1, "metric": "accuracy", "records": len(right)}]
    for place, (name, good) in enumerate(zip(names, right, strict=True)):
        words = {} if good else {"text": f"text <{place}>", "expected": "yes", "predicted": f"no of {folder.name}"}
        rows.append({"record": name, "score": float(good), "wrong": not good, **words})
    (folder / "predictions").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "predictions" / "test.jsonl").write_text(lines, encoding="utf-8")
