"""Tiny runs of tasks with encoders that have no attention."""

from pathlib import Path

import dougong
from dougong.training.run import RunResult

TASKS = ("classification", "tagging", "masked_lm", "reading_comprehension")
"""Tasks that ask nothing of an encoder."""


def run(folder: Path, task: str, *words: str) -> RunResult:
    """A run of a few updates, with an answer from what it saved."""
    sizes = ["data.size=24", "data.valid_size=8", "data.test_size=8", "loader.batch_size=8", "embedding.dim=16"]
    quiet = ["trainer=cpu", "trainer.max_epochs=1", "trainer.progress=none", "tracker=csv"]
    result = dougong.train([f"task={task}", *sizes, *quiet, *words], folder=folder)
    assert result.checkpoint is not None
    given = {"text": "各部分彼此咬合。", "question": "怎样？", "passages": ["各部分彼此咬合。"]}
    (answer,) = dougong.load(result.checkpoint).predict([given])
    assert answer
    assert all(value == value for value in result.metrics.values())
    return result
