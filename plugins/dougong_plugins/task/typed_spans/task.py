"""Finding spans of several types in texts of any length."""

# Shapes: B batch, N length, D hidden dimension, S spans of the window with most of them.

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Loss, Prediction, Task
from dougong.contracts.tokenizer import END, START
from dougong.data.alignment import Aligned
from dougong.data.tag_scheme import Scheme, TagSet, TypedSpan
from dougong.nn.dropout import Dropout
from dougong_plugins.task.typed_spans.heads import Decoder, Head, head_of
from dougong_plugins.task.typed_spans.pieces import cut, joined, pieces


class SpanTask(Task):
    """A task that finds typed spans: windows, a head on the encoder's states, and what they found put together.

    A task of this kind says by `spans` what is to be found in a record, and makes its answer of `found` in `join`.

    Args:
        types: of the spans, in the order of their numbers.
        max_length: tokens of a window, the two special ones included.
        overlap: tokens that a window has in common with the one before.
        decoder: which head finds the spans.
        scheme: how tags mark spans.
        dropout: probability that a number of the states is zeroed in training.

    Raises:
        ValueError: the windows are too long for the encoder, or can't move on.
    """

    higher_is_better: ClassVar = True
    sought: ClassVar[str] = "spans"

    def __init__(
        self,
        encoder: Encoder,
        types: Sequence[str],
        max_length: int,
        overlap: int,
        decoder: Decoder,
        scheme: Scheme,
        dropout: float,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            raise ValueError(f"max_length: must be <= embedding.max_length={encoder.max_length}, got {max_length}.")
        if overlap >= max_length - 2:
            raise ValueError(f"overlap: must be < max_length - 2 = {max_length - 2}, got {overlap}.")
        self.encoder = encoder
        self.room, self.overlap = max_length - 2, overlap
        self.tags = TagSet(types, scheme)
        self.dropout = Dropout(dropout)
        self.head: Head = head_of(decoder, encoder.dim, self.tags)
        self.flat = decoder != "pointer"
        self._numbers = {name: number for number, name in enumerate(self.tags.types)}

    @abstractmethod
    def spans(self, record: Any) -> Sequence[tuple[str, int, int]]:
        """What is to be found in a record: types that are known, with the characters [start, end) of the text."""

    def found(self, predictions: Sequence[Prediction]) -> list[tuple[str, int, int]]:
        """What the windows of a text found, in order: types, with the characters [start, end) of the text."""
        return joined([prediction["pieces"] for prediction in predictions])

    def remarks(self) -> list[str]:
        """How much can't be learnt."""
        advice = "; task.decoder=pointer keeps them" if self.flat else ""
        said = {
            "overlap": f"overlap others that the tags keep: they count as missed{advice}",
            "no token": "have no token of their own: they count as missed",
        }
        return [f"{self.noted[why]:,} {self.sought} {line}" for why, line in said.items() if self.noted[why]]

    def encode(self, records: Sequence[Any]) -> list[Example]:
        """Windows, each with its tokens, where they lie in the text, and what is to be found there."""
        tokenizer = self.encoder.tokenizer
        start, end = tokenizer.identity(START), tokenizer.identity(END)
        examples = []
        for number, (record, aligned) in enumerate(
            zip(records, tokenizer.align([record.text for record in records]), strict=True)
        ):
            for window in cut(aligned, self._in_tokens(record, aligned), self.room, self.overlap):
                tags, _ = self.tags.encode(window["spans"], len(window["numbers"]))
                numbered = [(self._numbers[name], first, last) for name, first, last in window.pop("spans")]
                tokens = np.concatenate([[start], window.pop("numbers"), [end]])
                targets = {"tags": np.array(tags, np.int64), "spans": np.array(numbered, np.int64).reshape(-1)}
                examples.append({"tokens": tokens, "record": number, **window, **targets})
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

    def _in_tokens(self, record: Any, aligned: Aligned) -> list[TypedSpan]:
        """What is to be found in tokens; what can't be is counted."""
        placed = [(name, aligned.tokens(start, end)) for name, start, end in self.spans(record)]
        spans = [(name, *tokens) for name, tokens in placed if tokens is not None]
        self.noted["no token"] += len(placed) - len(spans)
        if self.flat:
            self.noted["overlap"] += self.tags.encode(spans, len(aligned))[1]
        return spans


def _padding(batch: Batch) -> Tensor | None:
    """(B, N) of the tokens between the special ones; the last token of a text is the second special one."""
    mask = batch.get("padding_mask")
    return None if mask is None else mask[:, 2:]
