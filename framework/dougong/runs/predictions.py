"""What a run's best checkpoint predicted of each record of a split, as the run saved it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = "predictions"
VERSION = 1


@dataclass(frozen=True)
class Predictions:
    """Predictions of one split, record by record.

    Args:
        identities: what tells each record from others, and is the same in all runs.
        scores: (N,) the main metric of each record alone.
        wrong: of the records that went wrong, by place: text, what was expected, what was predicted.
        metric: the main metric's name, without the split.
    """

    identities: tuple[str, ...]
    scores: np.ndarray
    wrong: dict[int, tuple[str, str, str]]
    metric: str


def read_predictions(folder: Path, split: str) -> Predictions | None:
    """The predictions of a run, None where it saved none, or they are damaged."""
    path = folder / FOLDER / f"{split}.jsonl"
    try:
        with path.open(encoding="utf-8") as file:
            header, *rows = [json.loads(line) for line in file]
        wrong = {place: _words(row) for place, row in enumerate(rows) if row["wrong"]}
        scores = np.array([float(row["score"]) for row in rows])
        identities = tuple(str(row["record"]) for row in rows)
        if header["version"] != VERSION or header["records"] != len(rows):
            return None
        return Predictions(identities, scores, wrong, str(header["metric"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _words(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["text"]), str(row["expected"]), str(row["predicted"])
