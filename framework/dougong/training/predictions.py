"""Saves what was predicted of each record, so that runs can be compared record by record."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dougong.contracts.task import Prediction, Task
from dougong.data.records import fields_of
from dougong.metrics.wrong import cut
from dougong.runs.predictions import FOLDER, VERSION

logger = logging.getLogger(__name__)


def save(folder: Path, split: str, task: Task, predictions: Sequence[Prediction], records: Sequence[Any]) -> None:
    """Write `predictions/SPLIT.jsonl`: a header, then of each record its identity and its score on the main metric.

    Where the prediction is wrong, also the text, what was expected and what was predicted. A task whose metric is its
    loss has no predictions. One that can't score a single record leaves a warning and no file: the training is done,
    and not to be lost for this.
    """
    if task.main_metric == "loss":
        return
    path = folder / FOLDER / f"{split}.jsonl"
    try:
        header = {"version": VERSION, "metric": task.main_metric, "records": len(records)}
        lines = [json.dumps(row, ensure_ascii=False) for row in (header, *_rows(task, predictions, records))]
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(".partial")
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        temporary.replace(path)
    except Exception as error:
        logger.warning("predictions were not saved (%s: %s)", type(error).__name__, error)


def _rows(task: Task, predictions: Sequence[Prediction], records: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for prediction, record in zip(predictions, records, strict=True):
        scores = task.score([prediction], [record])
        score = float(scores.metrics[task.main_metric])
        values = fields_of(record)
        written = json.dumps(values, ensure_ascii=False, sort_keys=True)
        row = {"record": hashlib.sha256(written.encode()).hexdigest()[:12], "score": round(score, 6)}
        words = _wrong(scores.tables.get("wrong"), score, values, prediction)
        yield {**row, "wrong": words is not None, **(words or {})}


def _wrong(
    table: list[list[Any]] | None, score: float, values: dict[str, Any], prediction: Prediction
) -> dict[str, str] | None:
    """A wrong prediction in words: the task's own, or record and prediction as they are; None where it is right."""
    if table is not None:
        cells = list(map(str, table[1])) if len(table) > 1 else None
    else:
        text = next((value for value in values.values() if isinstance(value, str)), "")
        expected = {name: value for name, value in values.items() if value is not text}
        cells = [text, _plain(expected), _plain(prediction)] if score != 1.0 else None
    return None if cells is None else dict(zip(("text", "expected", "predicted"), map(cut, cells), strict=True))


def _plain(values: dict[str, Any]) -> str:
    """Values in words, without how sure the model was, so that equal predictions read equal."""
    kept = {name: value for name, value in values.items() if name != "score"}
    return "".join(map(str, kept.values())) if len(kept) < 2 else json.dumps(kept, ensure_ascii=False, default=str)
