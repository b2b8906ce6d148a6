"""Task: say here in one line what this is."""

# Shapes: B batch, N length, D hidden dimension, C classes.

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from dougong import UserError, register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import (
    Batch,
    Example,
    Facts,
    Loss,
    Prediction,
    Scores,
    Task,
)
from dougong.data.records import LabelledText
from torch import Tensor, nn
from torch.nn import functional


@register("task", "my_task")
class MyTask(Task):
    """One class for each text, by a linear layer on the mean of its states.

    The first line above is what `dougong plugins` lists. Name the source below it.
    The settings are the parameters of `__init__`, but for `facts`, which is what
    `study` found: give each a type, bounds, a default, and a line under Args.
    `encoder` is a slot, since its type is a kind.

    Args:
        max_length: longer texts are cut to this many tokens.
    """

    # The record it takes, the metric that names the best checkpoint, its direction.
    accepts: ClassVar = LabelledText
    main_metric: ClassVar = "accuracy"
    higher_is_better: ClassVar = True

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            # "setting: why" becomes one line that names the full key.
            raise ValueError(f"max_length: must be <= {encoder.max_length}.")
        self.encoder = encoder
        self.max_length = max_length
        self.classes: list[str] = facts["classes"]
        self.head = nn.Linear(encoder.dim, len(self.classes))

    @classmethod
    def study(cls, records: Iterable[LabelledText]) -> Facts:
        """What has to be known of the training records, as plain values."""
        classes = sorted({item.label for item in records if item.label is not None})
        if len(classes) < 2:
            raise UserError("task: the training split needs two classes or more.")
        return {"classes": classes}

    def problem(self, record: LabelledText) -> str | None:
        """Why a record can't be trained or scored on."""
        known = record.label in self.classes
        return None if known else f"`label` is {record.label!r}, which is no class."

    def encode(self, records: Sequence[LabelledText]) -> list[Example]:
        """Records to numbers; a record without a label is one to be answered."""
        texts = [record.text for record in records]
        encodings = self.encoder.tokenizer.encode(texts, self.max_length)
        numbers = {name: number for number, name in enumerate(self.classes)}
        return [
            {"tokens": encoding.ids, "label": numbers.get(record.label or "", -1)}
            for encoding, record in zip(encodings, records, strict=True)
        ]

    def forward(self, batch: Batch) -> Tensor:
        """(B, N) tokens to (B, C) logits; `padding_mask` is there where rows differ."""
        padding = batch.get("padding_mask")
        states = self.encoder(Inputs(batch["tokens"], padding))
        logits: Tensor = self.head(self.encoder.pool(states, padding))
        return logits

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        """The sum over the targets, and how many they are: the framework divides."""
        total = functional.cross_entropy(outputs, batch["label"], reduction="sum")
        return Loss(total, torch.tensor(float(len(outputs)), device=outputs.device))

    def predict(self, outputs: Tensor, batch: Batch) -> list[Prediction]:
        """One prediction a text, in the fields of the record."""
        return [{"label": self.classes[i]} for i in outputs.argmax(-1).tolist()]

    def score(
        self, predictions: Sequence[Prediction], records: Sequence[LabelledText]
    ) -> Scores:
        """Metrics of predictions against the records that they were made for."""
        pairs = zip(predictions, records, strict=True)
        hits = sum(found["label"] == record.label for found, record in pairs)
        return Scores({"accuracy": hits / max(1, len(records))})
