"""Task: one class for each text, by the nearest prototype; a text that is near to none is left unanswered."""

# Shapes: B batch, N length, D hidden dimension, C classes.

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from dougong import UserError, register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.data.records import LabelledText
from torch import Tensor, nn
from torch.nn import functional


@register("task", "prototypes")
class Prototypes(Task):
    """One class for each text: the one whose learned prototype has the smallest angle to the text's vector.

    Training asks for more than to be nearest: the cosine to the right prototype has to lead by `margin`. Since a cosine
    says how near a text is, those that are near to no prototype can be left unanswered: label null, and counted.

    Source: Wang and others, "CosFace", 2018, https://arxiv.org/abs/1801.09414.

    Args:
        max_length: longer texts are cut to this many tokens.
        margin: by how much the right cosine has to lead in training.
        scale: what cosines are multiplied by before the softmax.
        threshold: the least cosine of an answer; -1 answers every text.
    """

    accepts: ClassVar = LabelledText
    main_metric: ClassVar = "accuracy"
    higher_is_better: ClassVar = True

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
        margin: Annotated[float, Ge(0), Le(1)] = 0.2,
        scale: Annotated[float, Gt(0)] = 10.0,
        threshold: Annotated[float, Ge(-1), Le(1)] = -1.0,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            raise ValueError(f"max_length: must be <= embedding.max_length={encoder.max_length}, got {max_length}.")
        self.encoder = encoder
        self.classes: list[str] = facts["classes"]
        self.max_length = max_length
        self.margin, self.scale, self.threshold = margin, scale, threshold
        self.prototypes = nn.Parameter(torch.randn(len(self.classes), encoder.dim))
        self._number = {name: number for number, name in enumerate(self.classes)}

    @classmethod
    def study(cls, records: Iterable[LabelledText]) -> Facts:
        """The class names.

        Raises:
            UserError: there are fewer than two.
        """
        classes = sorted({record.label for record in records if record.label is not None})
        if len(classes) < 2:
            raise UserError(f"task=prototypes needs two classes or more; the training split has {classes or 'none'}.")
        return {"classes": classes}

    def problem(self, record: LabelledText) -> str | None:
        """A label that training never saw can't be scored."""
        if record.label in self._number:
            return None
        return f"`label` is {record.label!r}; expected one of: {', '.join(self.classes)}."

    def encode(self, records: Sequence[LabelledText]) -> list[Example]:
        """Tokens, and the number of the class (-1 where it is not known)."""
        encodings = self.encoder.tokenizer.encode([record.text for record in records], self.max_length)
        return [
            {"tokens": encoding.ids, "label": self._number.get(record.label or "", -1)}
            for encoding, record in zip(encodings, records, strict=True)
        ]

    def forward(self, batch: Batch) -> Tensor:
        """(B, N) tokens to (B, C) cosines, in float32 at least."""
        padding = batch.get("padding_mask")
        pooled = self.encoder.pool(self.encoder(Inputs(batch["tokens"], padding)), padding)
        with torch.autocast(pooled.device.type, enabled=False):
            computing = torch.promote_types(pooled.dtype, torch.float32)
            text = functional.normalize(pooled.to(computing), dim=-1)
            return text @ functional.normalize(self.prototypes.to(computing), dim=-1).T

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        """Cross entropy of the scaled cosines, the right one less the margin, summed over the texts."""
        margins = self.margin * functional.one_hot(batch["label"], len(self.classes))
        total = functional.cross_entropy(self.scale * (outputs - margins), batch["label"], reduction="sum")
        return Loss(total, torch.tensor(float(len(outputs)), device=outputs.device))

    def predict(self, outputs: Tensor, batch: Batch) -> list[Prediction]:
        """The nearest class, null where it is not near enough, and its cosine."""
        cosines, numbers = outputs.max(-1)
        return [
            {"label": self.classes[number] if cosine >= self.threshold else None, "cosine": round(cosine, 6)}
            for number, cosine in zip(numbers.tolist(), cosines.tolist(), strict=True)
        ]

    def score(self, predictions: Sequence[Prediction], records: Sequence[LabelledText]) -> Scores:
        """Accuracy over all texts, the share that was answered, and accuracy over those."""
        answers = [prediction["label"] for prediction in predictions]
        hits = sum(answer == record.label for answer, record in zip(answers, records, strict=True))
        answered = sum(answer is not None for answer in answers)
        return Scores(
            {
                "accuracy": hits / max(1, len(records)),
                "answered": answered / max(1, len(records)),
                "accuracy_of_answered": hits / max(1, answered),
            }
        )
