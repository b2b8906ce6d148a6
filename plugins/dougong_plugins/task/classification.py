"""Task: one class for each text."""

# Shapes: B batch, N length, D hidden dimension, C classes.

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Lt
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dougong import register
from dougong.contracts.drawing import Drawing, HeatMap, PrecisionRecall
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.data.records import LabelledText
from dougong.errors import UserError
from dougong.metrics.thresholds import threshold_counts
from dougong.metrics.wrong import wrong_table
from dougong.nn.dropout import Dropout

MOST_CURVES = 20
"""Classes of a task that are drawn one by one: of more, nothing could be read."""


@register("task", "classification")
class Classification(Task):
    """One of any number of classes for each text; the class names are those of the training split.

    Args:
        max_length: longer texts are cut to this many tokens.
        dropout: probability that a number of the pooled vector is zeroed in training.
    """

    accepts: ClassVar = LabelledText
    main_metric: ClassVar = "accuracy"
    higher_is_better: ClassVar = True
    supports: ClassVar = frozenset({"distributions"})
    encodes_by: ClassVar = frozenset({"max_length"})

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            raise ValueError(f"max_length: must be <= embedding.max_length={encoder.max_length}, got {max_length}.")
        self.encoder = encoder
        self.classes: list[str] = facts["classes"]
        self.max_length = max_length
        self.dropout = Dropout(dropout)
        self.classify = nn.Linear(encoder.dim, len(self.classes))
        nn.init.normal_(self.classify.weight, std=0.02)
        nn.init.zeros_(self.classify.bias)
        self._number = {name: number for number, name in enumerate(self.classes)}

    @classmethod
    def study(cls, records: Iterable[LabelledText]) -> Facts:
        """The class names.

        Raises:
            UserError: there are fewer than two.
        """
        classes = sorted({record.label for record in records if record.label is not None})
        if len(classes) < 2:
            raise UserError(
                f"task=classification needs two classes or more; the training split has {classes or 'none'}."
            )
        return {"classes": classes}

    def problem(self, record: LabelledText) -> str | None:
        """A label that training never saw can't be scored."""
        if record.label in self._number:
            return None
        shown = ", ".join(self.classes[:20]) + (", ..." if len(self.classes) > 20 else "")
        return f"`label` is {record.label!r}; expected one of: {shown}."

    def encode(self, records: Sequence[LabelledText]) -> list[Example]:
        """Tokens, and the number of the class (-1 where it is not known)."""
        encodings = self.encoder.tokenizer.encode([record.text for record in records], self.max_length)
        return [
            {"tokens": encoding.ids, "label": self._number.get(record.label or "", -1)}
            for encoding, record in zip(encodings, records, strict=True)
        ]

    def forward(self, batch: Batch) -> Tensor:
        """(B, N) tokens to (B, C) logits."""
        states = self.encoder(Inputs(batch["tokens"], batch.get("padding_mask")))
        pooled = self.encoder.pool(states, batch.get("padding_mask"))
        return self.classify(self.dropout(pooled))  # type: ignore[no-any-return]

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        """Cross entropy, summed over the texts."""
        total = functional.cross_entropy(_widened(outputs), batch["label"], reduction="sum")
        return Loss(total, torch.tensor(float(len(outputs)), device=outputs.device))

    def distributions(self, outputs: Tensor, batch: Batch) -> list[Tensor]:
        """Of the classes of each text."""
        return [outputs]

    def predict(self, outputs: Tensor, batch: Batch) -> list[Prediction]:
        """The most probable class, its probability as `score`, and the probabilities of all classes of a few."""
        probabilities = _widened(outputs).softmax(-1)
        scores, numbers = probabilities.max(-1)
        found = [
            {"label": self.classes[number], "score": round(score, 6)}
            for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
        ]
        if len(self.classes) <= MOST_CURVES:
            for prediction, row in zip(found, probabilities.tolist(), strict=True):
                prediction["probabilities"] = row
        return found

    def answer(self, batch: Batch, records: Sequence[LabelledText]) -> list[Prediction]:
        """The most probable class, and its probability as `score`."""
        return [{"label": item["label"], "score": item["score"]} for item in self.predict(self(batch), batch)]

    def score(self, predictions: Sequence[Prediction], records: Sequence[LabelledText]) -> Scores:
        """Accuracy, macro-averaged F1, the confusion matrix (rows: the true class), and what was predicted wrong."""
        confusion = self._confusion(predictions, records)
        hits = np.diag(confusion)
        present = (confusion.sum(0) + confusion.sum(1)) > 0
        f1 = 2 * hits[present] / (confusion.sum(0) + confusion.sum(1))[present]
        table: list[list[Any]] = [["true \\ predicted", *self.classes]]
        table += [[name, *row.tolist()] for name, row in zip(self.classes, confusion, strict=True)]
        accuracy = float(hits.sum() / max(1, confusion.sum()))
        wrong = wrong_table(
            (record.text, [str(record.label)], [prediction["label"]])
            for prediction, record in zip(predictions, records, strict=True)
            if prediction["label"] != record.label
        )
        metrics = {"accuracy": accuracy, "macro_f1": float(f1.mean()) if f1.size else 0.0}
        return Scores(metrics, {"confusion": table, "wrong": wrong})

    def drawings(self, predictions: Sequence[Prediction], records: Sequence[LabelledText]) -> dict[str, Drawing]:
        """The confusion matrix, and a precision-recall curve of each class, where they are not many."""
        if not predictions or len(self.classes) > MOST_CURVES:
            return {}
        labels = np.array([self._number[str(record.label)] for record in records])
        scores = np.array([prediction["probabilities"] for prediction in predictions])
        curves = {name: threshold_counts(labels == at, scores[:, at]) for at, name in enumerate(self.classes)}
        counts = {"": self._confusion(predictions, records)}
        return {
            "confusion_matrix": HeatMap(counts, self.classes, self.classes, "true", "predicted"),
            "precision_recall": PrecisionRecall(curves),
        }

    def _confusion(self, predictions: Sequence[Prediction], records: Sequence[LabelledText]) -> NDArray[np.int64]:
        """(C, C) counts, by true and predicted class."""
        confusion = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        for prediction, record in zip(predictions, records, strict=True):
            confusion[self._number[str(record.label)], self._number[prediction["label"]]] += 1
        return confusion


def _widened(outputs: Tensor) -> Tensor:
    """In float32 at least: sums of exponentials need it, and float64 is to stay what it is."""
    return outputs if outputs.dtype == torch.float64 else outputs.float()
