"""Tasks, each of which breaks the promise that its name is the check of."""

import numpy as np
import torch
from torch import nn

from dougong import register
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Loss, Scores
from dougong_plugins.task.classification import Classification


class Sound(Classification):
    """Classification as it should be, without dropout."""

    def __init__(self, encoder: Encoder, facts: Facts) -> None:
        super().__init__(encoder, facts, max_length=40, dropout=0.0)


@register("task", "facts")
class StudiesTwice(Sound):
    """Goes through the records twice."""

    @classmethod
    def study(cls, records):
        if not sum(1 for _ in records):
            return {"classes": []}
        return super().study(records)


@register("task", "learning")
class Learning(Sound):
    """Sees nothing in training."""

    def forward(self, batch):
        return super().forward(batch) * (0 if self.training else 1)


@register("task", "loss_sums")
class LossSums(Sound):
    """Gives the mean for the sum."""

    def loss(self, outputs, batch):
        total, weight = super().loss(outputs, batch)
        return Loss(total / weight, weight)


@register("task", "distributions")
class Distributions(Sound):
    """Says that a class can't be."""

    def distributions(self, outputs, batch):
        return [outputs.index_fill(1, torch.tensor([0], device=outputs.device), -torch.inf)]


@register("task", "gradients")
class Gradients(Sound):
    """Has a weight that it does not use."""

    def __init__(self, encoder: Encoder, facts: Facts) -> None:
        super().__init__(encoder, facts)
        self.unused = nn.Parameter(torch.ones(3))


@register("task", "autocast")
class Autocast(Sound):
    """Sums in 16 bits."""

    def loss(self, outputs, batch):
        total, weight = super().loss(outputs, batch)
        return Loss(total.to(outputs.dtype), weight)


@register("task", "predictions")
class Predictions(Sound):
    """Scores in comparison with the batch."""

    def predict(self, outputs, batch):
        found = super().predict(outputs, batch)
        best = max(item["score"] for item in found)
        return [{**item, "score": item["score"] / best} for item in found]

    def answer(self, batch, records):
        return super().predict(self(batch), batch)


@register("task", "scores")
class NoScores(Sound):
    """Has a metric that is not a number."""

    def score(self, predictions, records):
        found = super().score(predictions, records)
        return Scores({**found.metrics, "macro_f1": float("nan")}, found.tables)


@register("task", "perfect_score")
class PerfectScore(Sound):
    """Counts errors, and says that more is better."""

    def score(self, predictions, records):
        return Scores({"accuracy": 1 - super().score(predictions, records).metrics["accuracy"]})


@register("task", "answers")
class Answers(Sound):
    """Answers in another order."""

    def answer(self, batch, records):
        return super().answer(batch, records)[::-1]


@register("task", "hostile_records")
class HostileRecords(Sound):
    """Can't encode an empty text."""

    def problem(self, record):
        return super().problem(record) if record.text.strip() else "`text` is empty."

    def encode(self, records):
        assert all(record.text.strip() for record in records)
        return super().encode(records)


@register("task", "unusable_records")
class UnusableRecords(Sound):
    """Takes records whose label it does not know."""

    def problem(self, record):
        return None


@register("task", "variation")
class Variation(Sound):
    """Draws from the global generator."""

    def vary(self, example, random):
        return {**example, "draw": np.array(np.random.randint(1000))}


@register("task", "untouched_batch")
class UntouchedBatch(Sound):
    """Leaves something in the batch."""

    def forward(self, batch):
        batch["lengths"] = (batch["tokens"] != 0).sum(1)
        return super().forward(batch)


@register("task", "save_and_load")
class SaveAndLoad(Sound):
    """Keeps a number that it drew out of its state."""

    def __init__(self, encoder: Encoder, facts: Facts) -> None:
        super().__init__(encoder, facts)
        self.temperature = 1.0 + 0.5 * torch.initial_seed()

    def forward(self, batch):
        return super().forward(batch) / self.temperature


@register("task", "whole_run")
class WholeRun(Sound):
    """Has a buffer only once it has run, which a checkpoint can't be loaded into."""

    def forward(self, batch):
        self.register_buffer("ran", torch.ones(1))
        return super().forward(batch)
