"""Collecting predictions and losses over batches, and scoring them: the same in training and afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dougong.contracts.task import Batch, Prediction, Scores, Task
from dougong.data.batches import is_spare
from dougong.training.processes import group


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
        if is_spare(batch["index"]):
            return
        loss = self.task.loss(outputs, batch)
        self.total += float(loss.total)
        self.weight += float(loss.weight)
        predictions = self.task.predict(outputs, batch)
        for (record, example), prediction in zip(places(batch), predictions, strict=True):
            self.predictions.setdefault(record, {})[example] = prediction

    def gather(self) -> None:
        """Join what all processes have seen, in the first of them."""
        if group.world() == 1:
            return
        parts = group.at_first((self.total, self.weight, self.predictions))
        self.total, self.weight = sum(part[0] for part in parts), sum(part[1] for part in parts)
        for _, _, predictions in parts:
            for record, found in predictions.items():
                self.predictions.setdefault(record, {}).update(found)

    def scores(self, records: Iterable[Any]) -> Scores:
        """The task's metrics and the mean loss; a task that streams has no need of the records.

        Of several processes the first, which has gathered everything, tells the others.
        """
        return group.from_first(self._scores(records) if group.rank() == 0 else Scores({}))

    def joined(self, records: Iterable[Any]) -> tuple[list[Prediction], list[Any]]:
        """One prediction a record, and the records that they are of (none of a task that streams)."""
        numbers = sorted(self.predictions)
        if self.task.streams:
            return [join(self.task, self.predictions[number], None) for number in numbers], []
        asked = [record for number, record in enumerate(records) if number in self.predictions]
        pairs = zip(numbers, asked, strict=True)
        return [join(self.task, self.predictions[number], record) for number, record in pairs], asked

    def _scores(self, records: Iterable[Any]) -> Scores:
        joined = self.joined(records)
        found, drawings = self.task.score(*joined), self.task.drawings(*joined)
        loss = self.total / self.weight if self.weight else float("nan")
        return Scores({"loss": loss, **found.metrics}, found.tables, drawings)


def places(batch: Batch) -> Iterator[tuple[int, int]]:
    """Of each example of a batch, the number of its record and its own."""
    examples = batch["index"].tolist()
    return zip(batch["record"].tolist() if "record" in batch else examples, examples, strict=True)


def join(task: Task, predictions: Mapping[int, Prediction], record: Any) -> Prediction:
    """One prediction of those for a record's examples, by their numbers."""
    return task.join([predictions[number] for number in sorted(predictions)], record)
