"""Tiny runs for tests, and what to compare of them."""

import csv
from pathlib import Path
from typing import Any

import torch

import dougong
from dougong.checkpoint import file
from dougong.training.run import RunResult

PLUGINS = Path(__file__).parents[1] / "training" / "plugins"
SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"

# 60 texts in batches of 8 make 8 updates an epoch, the last one of 4 texts.
TINY = [
    *("data.size=60", "data.valid_size=20", "data.test_size=20", "loader.batch_size=8"),
    *("encoder.layers=1", "encoder.heads=2", "embedding.dim=32", "task.max_length=40"),
    *("trainer=cpu", "trainer.precision=32", "trainer.max_epochs=2", "trainer.progress=none", "tracker=csv"),
]


def train(folder: Path, *overrides: str) -> RunResult:
    """A run of a few updates on the embedded data."""
    return dougong.train([*TINY, *overrides], folder=folder)


def resume(folder: Path) -> RunResult:
    """Go on with a run."""
    return dougong.train([f"resume={folder}"])


def checkpoint(folder: Path, name: str = "last") -> dict[str, Any]:
    """What a run's checkpoint file holds."""
    return file.load(folder / "checkpoints" / f"{name}.ckpt")


def weights(folder: Path, name: str = "last") -> dict[str, torch.Tensor]:
    """The weights of a run's checkpoint."""
    found: dict[str, torch.Tensor] = checkpoint(folder, name)["state_dict"]
    return found


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Two nested structures are equal, tensors bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{number}]")
    else:
        assert one == other or (one != one and other != other), where


def assert_same_training(one: Path, other: Path, names: tuple[str, ...] = ("last", "best")) -> None:
    """Two runs ended with the same weights, optimizer, schedule, generators and best metric, bit for bit."""
    for name in names:
        left, right = checkpoint(one, name), checkpoint(other, name)
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "global_step"):
            assert_same(left[key], right[key], f"{name}.{key}")


def measurements(folder: Path, but: tuple[str, ...] = ("speed/", "memory/")) -> list[tuple[int, str, float]]:
    """The lines of `metrics.csv` as (update, metric, value), without those that depend on the clock."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    found = [(int(row["update"]), row["metric"], float(row["value"])) for row in rows]
    return [row for row in found if not row[1].startswith(but)]
