"""Task: named entities."""

# Shapes: B batch, N length, D hidden dimension, S spans of the text with most of them.

import logging
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Lt
from torch import Tensor

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import END, START
from dougong.data.alignment import Aligned
from dougong.data.records import TaggedText
from dougong.data.tag_scheme import Scheme, TagSet, TypedSpan
from dougong.errors import UserError
from dougong.metrics.entities import entity_scores
from dougong.metrics.wrong import wrong_table
from dougong.nn.dropout import Dropout
from dougong_plugins.task.tagging_parts.heads import ChainHead, Head, PointerHead, TagHead
from dougong_plugins.task.tagging_parts.pieces import cut, joined, pieces

logger = logging.getLogger(__name__)


@register("task", "tagging")
class Tagging(Task):
    """Named entities; their types are those of the training split. Each is an exact slice of the text.

    Args:
        max_length: tokens of a window, the two special ones included; longer texts are cut into several.
        overlap: tokens that a window has in common with the one before. What no window holds whole is put together
            from its parts, as long as they overlap.
        decoder: "crf" tags tokens by a conditional random field in which only whole entities exist; "softmax" tags
            each token by itself; "pointer" finds starts and ends (arXiv 1910.11476), also of entities that overlap or
            lie within each other, of which the others keep the first and longest.
        scheme: how tags mark entities, whatever the data has; "pointer" has no tags.
        dropout: probability that a number of the states is zeroed in training.
    """

    accepts: ClassVar = TaggedText
    main_metric: ClassVar = "f1"
    higher_is_better: ClassVar = True

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
        overlap: Annotated[int, Ge(0)] = 32,
        decoder: Literal["crf", "softmax", "pointer"] = "crf",
        scheme: Scheme = "BIO",
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            raise ValueError(f"max_length: must be <= embedding.max_length={encoder.max_length}, got {max_length}.")
        if overlap >= max_length - 2:
            raise ValueError(f"overlap: must be < max_length - 2 = {max_length - 2}, got {overlap}.")
        self.encoder = encoder
        self.types: list[str] = facts["types"]
        self.room, self.overlap = max_length - 2, overlap
        self.tags = TagSet(self.types, scheme)
        self.dropout = Dropout(dropout)
        self.head: Head = _head(decoder, encoder.dim, self.tags)
        self.flat = decoder != "pointer"
        self._numbers = {name: number for number, name in enumerate(self.types)}
        self._warned = False

    @classmethod
    def study(cls, records: Iterable[TaggedText]) -> Facts:
        """The entity types.

        Raises:
            UserError: there is none.
        """
        types = sorted({entity.type for record in records for entity in record.entities})
        if not types:
            raise UserError("task=tagging needs entities; the training split has none.")
        return {"types": types}

    def problem(self, record: TaggedText) -> str | None:
        """A type that training never saw, or an entity that is not where it is said to be."""
        for entity in record.entities:
            span = entity.span
            if entity.type not in self._numbers:
                shown = ", ".join(self.types[:20]) + (", ..." if len(self.types) > 20 else "")
                return f"the entity type is {entity.type!r}; expected one of: {shown}."
            if not span.text or record.text[span.start : span.end] != span.text:
                return f"the entity {span.text!r} is not at [{span.start}, {span.end}) of the text."
        return None

    def encode(self, records: Sequence[TaggedText]) -> list[Example]:
        """Windows, each with its tokens, where they lie in the text, and what is to be found there."""
        tokenizer = self.encoder.tokenizer
        start, end = tokenizer.identity(START), tokenizer.identity(END)
        examples, lost = [], 0
        for number, (record, aligned) in enumerate(
            zip(records, tokenizer.align([record.text for record in records]), strict=True)
        ):
            spans, without_tokens = self._spans(record, aligned)
            lost += without_tokens
            for window in cut(aligned, spans, self.room, self.overlap):
                tags, overlapping = self.tags.encode(window["spans"], len(window["numbers"]))
                lost += overlapping if self.flat else 0
                numbered = [(self._numbers[name], first, last) for name, first, last in window.pop("spans")]
                tokens = np.concatenate([[start], window.pop("numbers"), [end]])
                targets = {"tags": np.array(tags, np.int64), "spans": np.array(numbered, np.int64).reshape(-1)}
                examples.append({"tokens": tokens, "record": number, **window, **targets})
        self._tell(lost)
        return examples

    def padding_values(self) -> dict[str, int]:
        """No span is -1."""
        return {**super().padding_values(), "spans": -1}

    def forward(self, batch: Batch) -> Any:
        """The head's scores of the tokens between the special ones."""
        states = self.encoder(Inputs(batch["tokens"], batch.get("padding_mask")))
        return self.head(self.dropout(states[:, 1:-1]))

    def loss(self, outputs: Any, batch: Batch) -> Loss:
        """The head's loss, summed over the tokens."""
        padding_mask = _padding(batch)
        spans = batch["spans"].reshape(len(batch["spans"]), batch["spans"].size(1) // 3, 3)
        total = self.head.loss(outputs, batch["tags"], spans, padding_mask)
        count = batch["tags"].numel() if padding_mask is None else (~padding_mask).sum()
        return Loss(total, torch.as_tensor(count, dtype=torch.float32, device=total.device))

    def predict(self, outputs: Any, batch: Batch) -> list[Prediction]:
        """What each window found, as pieces of the text."""
        padding_mask = _padding(batch)
        found = self.head.spans(outputs, padding_mask)
        lengths = [batch["tags"].size(1)] * len(found) if padding_mask is None else (~padding_mask).sum(1).tolist()
        columns = (batch[name].tolist() for name in ("starts", "ends", "home", "away"))
        return [
            {"pieces": pieces(spans, starts[:length], ends[:length], home, away)}
            for spans, length, starts, ends, home, away in zip(found, lengths, *columns, strict=True)
        ]

    def join(self, predictions: Sequence[Prediction], record: TaggedText) -> Prediction:
        """The entities of a text."""
        spans = joined([prediction["pieces"] for prediction in predictions])
        return {
            "entities": [
                {"type": name, "span": {"text": record.text[start:end], "start": start, "end": end}}
                for name, start, end in spans
            ]
        }

    def score(self, predictions: Sequence[Prediction], records: Sequence[TaggedText]) -> Scores:
        """Precision, recall and F1 of entities with exact ends and type, type by type, and what went wrong."""
        expected = [{(item.type, item.span.start, item.span.end) for item in record.entities} for record in records]
        predicted = [
            {(item["type"], item["span"]["start"], item["span"]["end"]) for item in prediction["entities"]}
            for prediction in predictions
        ]
        scores = entity_scores(zip(expected, predicted, strict=True))
        wrong = (
            (record.text, _readable(wanted, record.text), _readable(given, record.text))
            for record, wanted, given in zip(records, expected, predicted, strict=True)
            if wanted != given
        )
        return Scores(scores.metrics(), {"types": scores.table(), "wrong": wrong_table(wrong)})

    def _spans(self, record: TaggedText, aligned: Aligned) -> tuple[list[TypedSpan], int]:
        """The known entities in tokens, and how many have none."""
        found = [
            (entity.type, aligned.tokens(entity.span.start, entity.span.end))
            for entity in record.entities
            if entity.type in self._numbers
        ]
        spans = [(name, *tokens) for name, tokens in found if tokens is not None]
        return spans, len(found) - len(spans)

    def _tell(self, lost: int) -> None:
        if lost and not self._warned:
            self._warned = True
            advice = " task.decoder=pointer keeps those that overlap." if self.flat else ""
            logger.warning(
                "some entities can't be learnt, and count as missed: they overlap others, or have no token.%s", advice
            )


def _head(decoder: str, dim: int, tags: TagSet) -> Any:
    if decoder == "pointer":
        return PointerHead(dim, tags.types)
    return ChainHead(dim, tags) if decoder == "crf" else TagHead(dim, tags)


def _padding(batch: Batch) -> Tensor | None:
    """(B, N) of the tokens between the special ones; the last token of a text is the second special one."""
    mask = batch.get("padding_mask")
    return None if mask is None else mask[:, 2:]


def _readable(entities: Iterable[tuple[str, int, int]], text: str) -> list[str]:
    return [f"{name} {text[start:end]} [{start}, {end})" for name, start, end in sorted(entities, key=lambda it: it[1])]
