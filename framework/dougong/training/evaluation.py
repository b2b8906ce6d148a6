"""Collecting predictions and losses over batches, and scoring them: the same in training and afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from dougong.contracts.task import Batch, Prediction, Scores, Task


class Evaluation:
    """One pass over a split.

    Args:
        task: makes the predictions and scores them.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.total = 0.0
        self.weight = 0.0
        self.predictions: dict[int, dict[int, Prediction]] = {}  # of each record, those of its examples

    def add(self, outputs: Any, batch: Batch) -> None:
        """Take in one batch."""
        loss = self.task.loss(outputs, batch)
        self.total += float(loss.total)
        self.weight += float(loss.weight)
        predictions = self.task.predict(outputs, batch)
        for (record, example), prediction in zip(places(batch), predictions, strict=True):
            self.predictions.setdefault(record, {})[example] = prediction

    def gather(self) -> None:
        """Join what the other processes have seen."""
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        parts: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, (self.total, self.weight, self.predictions))
        self.total, self.weight = sum(part[0] for part in parts), sum(part[1] for part in parts)
        for part in parts:
            for record, predictions in part[2].items():
                self.predictions.setdefault(record, {}).update(predictions)

    def scores(self, records: Sequence[Any]) -> Scores:
        """The task's metrics and the mean loss; a task that streams has no need of the records."""
        found = self.task.score(*self.joined(records))
        loss = self.total / self.weight if self.weight else float("nan")
        return Scores({"loss": loss, **found.metrics}, found.tables)

    def joined(self, records: Sequence[Any]) -> tuple[list[Prediction], list[Any]]:
        """One prediction a record, and the records that they are of (none of a task that streams)."""
        numbers = sorted(self.predictions)
        asked = [] if self.task.streams else [records[number] for number in numbers]
        joined = [
            join(self.task, self.predictions[number], None if self.task.streams else records[number])
            for number in numbers
        ]
        return joined, asked


def places(batch: Batch) -> Iterator[tuple[int, int]]:
    """Of each example of a batch, the number of its record and its own."""
    examples = batch["index"].tolist()
    return zip(batch["record"].tolist() if "record" in batch else examples, examples, strict=True)


def join(task: Task, predictions: Mapping[int, Prediction], record: Any) -> Prediction:
    """One prediction of those for a record's examples, by their numbers."""
    return task.join([predictions[number] for number in sorted(predictions)], record)
