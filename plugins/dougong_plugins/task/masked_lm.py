"""Task: the tokens that were masked."""

# Shapes: B batch, N length, K masked places of a batch, V vocabulary.

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import MASK
from dougong.data.examples import Examples
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore
from dougong.nn.token_table import token_table
from dougong_plugins.task.masking.heads import TokenHead
from dougong_plugins.task.masking.masks import IGNORED, PIECE, Masks
from dougong_plugins.task.masking.order import SPECIAL, SentenceOrder


class Outputs(NamedTuple):
    """What the network says of a batch.

    Args:
        tokens: (K, V) logits of the masked places, row by row.
        order: (B, 2) logits of the pieces' being in their order, and swapped; None where that is not asked for.
    """

    tokens: Tensor
    order: Tensor | None


@register("task", "masked_lm")
class MaskedLanguageModel(Task):
    """Masked tokens from those around them, as BERT (arXiv 1810.04805); fills in `[MASK]`.

    Of the tokens that are to be predicted, 80 % are masked, 10 % replaced by another and 10 % left as they are; in
    each epoch others, in evaluation always the same. Nothing but the places to predict is compared with the vocabulary.

    Args:
        length: tokens that the model sees at once.
        share: of the tokens that are to be predicted.
        whole_word: what is masked together: the "pieces" of a word, as marked by tokenizer=wordpiece, or the
            tokens of a word by "jieba"'s dictionary (`pip install dougong[words]`); null for single tokens.
        tie_output: whether tokens are scored against the embedding's vectors of them; null where it has such.
        transform: whether states pass a layer with normalisation before they are scored, as in BERT.
        sentence_order: whether texts are cut in two pieces, half of them swapped, and it is learnt which are (arXiv
            1909.11942); needs embedding.segments=2.
        pack_across_documents: whether blocks go on over the ends of documents; otherwise none sees another.
        cache: a folder that keeps the tokens of the data for other runs; null for loader.cache, or the run's own.
    """

    accepts: ClassVar = PlainText
    main_metric: ClassVar = "perplexity"
    higher_is_better: ClassVar = False
    streams: ClassVar = True
    supports: ClassVar = frozenset({"distributions"})

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        length: Annotated[int, Ge(3)] = 128,
        share: Annotated[float, Gt(0), Lt(1)] = 0.15,
        whole_word: Literal["pieces", "jieba"] | None = None,
        tie_output: bool | None = None,
        transform: bool = True,
        sentence_order: bool = False,
        pack_across_documents: bool = False,
        cache: str | None = None,
    ) -> None:
        super().__init__()
        _check(encoder, length, sentence_order, pack_across_documents)
        self.encoder = encoder
        self.length = length
        self.pack_across_documents = pack_across_documents
        self.cache = cache
        table = None if tie_output is False else token_table(encoder, encoder.tokenizer.size)
        if tie_output and table is None:
            raise ValueError("tie_output: this encoder has no table with a row a token; take tie_output=false.")
        self.masks = Masks(encoder.tokenizer, share, whole_word)
        self.score_tokens = TokenHead(encoder.dim, table, encoder.tokenizer.size, transform)
        self.order = SentenceOrder(encoder.tokenizer) if sentence_order else None
        self.score_order = nn.Linear(encoder.dim, 2) if sentence_order else None
        if self.score_order is not None:
            nn.init.normal_(self.score_order.weight, std=0.02)
            nn.init.zeros_(self.score_order.bias)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short blocks."""
        return {"length": 32}

    def stream(self, records: Iterable[PlainText], store: TokenStore) -> Examples:
        """Blocks of the documents."""
        documents = store.within(self.cache).documents(self.encoder.tokenizer, records)
        if self.order is None:
            return documents.blocks(self.length, across=self.pack_across_documents)
        blocks = documents.blocks(self.length - SPECIAL)
        return dataclasses.replace(blocks, lengths=blocks.lengths + SPECIAL)

    def encode(self, records: Sequence[PlainText]) -> list[Example]:
        """Tokens; `[MASK]` in a text is the token."""
        encodings = self.encoder.tokenizer.encode([record.text for record in records], self.length)
        return [{"tokens": encoding.ids} for encoding in encodings]

    def vary(self, example: Example, random: np.random.Generator) -> Example:
        """Mask; of two pieces, draw their order."""
        tokens = example["tokens"].astype(np.int64)
        more: Example = {}
        if self.order is not None:
            tokens, segments, swapped = self.order.draw(tokens, random)
            more = {"segments": segments, "swapped": np.int64(IGNORED if swapped is None else swapped)}
        tokens, target = self.masks.draw(tokens, random)
        return {"tokens": tokens, "target": target, **more}

    def padding_values(self) -> dict[str, int]:
        """Nothing is predicted at padding."""
        return {**super().padding_values(), "target": IGNORED}

    def forward(self, batch: Batch) -> Outputs:
        """(B, N) tokens to logits of the places that are asked for, and of the order."""
        states = self._states(batch)
        tokens = self.score_tokens(states[self._asked(batch)])
        if self.score_order is None:
            return Outputs(tokens, None)
        return Outputs(tokens, self.score_order(self.encoder.pool(states, batch.get("padding_mask"))))

    def network(self, batch: Batch) -> dict[str, Tensor]:
        """(B, N, V) logits of all places, since how many are masked is no size of the batch."""
        return {"scores": self.score_tokens(self._states(batch))}

    def _states(self, batch: Batch) -> Tensor:
        segments = batch.get("segments")
        if segments is None and self.order is not None:  # a text to be answered is one piece
            segments = torch.zeros_like(batch["tokens"])
        return self.encoder(Inputs(batch["tokens"], batch.get("padding_mask"), segments))  # type: ignore[no-any-return]

    def _asked(self, batch: Batch) -> Tensor:
        return batch["target"] != IGNORED if "target" in batch else batch["tokens"] == self.masks.mask_id

    def loss(self, outputs: Outputs, batch: Batch) -> Loss:
        """Cross entropy, summed over the masked places, and that of the order.

        Their means are added, as in ALBERT. A text's order counts as its masked places do, so that what is added up
        over batches is divided by one number.
        """
        nats = _nats(outputs, batch)
        total = nats.sum()
        if outputs.order is not None:
            counts = self._asked(batch).sum(1)
            total = total + (counts * _order_nats(outputs.order, batch)).sum()
        return Loss(total, torch.tensor(float(len(nats)), device=total.device))

    def distributions(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Of each masked token, and of the order of each pair."""
        tokens = [outputs.tokens]
        return tokens if outputs.order is None else [*tokens, outputs.order[batch["swapped"] != IGNORED]]

    def predict(self, outputs: Outputs, batch: Batch) -> list[Prediction]:
        """What each block cost to tell, how many of its masked tokens were found, and whether its order was."""
        asked = self._asked(batch)
        rows = asked.nonzero()[:, 0]
        hits = outputs.tokens.argmax(-1) == batch["target"][asked]
        found = torch.zeros(len(asked), 2, dtype=torch.float64, device=asked.device)
        found.index_add_(0, rows, torch.stack([_nats(outputs, batch).double(), hits.double()], 1))
        predictions: list[Prediction] = [
            {"nats": nats, "hits": hit, "targets": targets}
            for (nats, hit), targets in zip(found.tolist(), asked.sum(1).tolist(), strict=True)
        ]
        if outputs.order is not None:
            right = (outputs.order.argmax(-1) == batch["swapped"]).tolist()
            for prediction, hit, truth in zip(predictions, right, batch["swapped"].tolist(), strict=True):
                prediction |= {"ordered": float(hit), "pairs": float(truth != IGNORED)}
        return predictions

    def answer(self, batch: Batch, records: Sequence[PlainText]) -> list[Prediction]:
        """The text with its masks `filled`, and what stands at each, with its probability, as `fills`.

        A mask beyond `length` tokens stays.
        """
        logits = self(batch).tokens.double()
        logits[:, self.masks.special] = -torch.inf
        scores, numbers = logits.softmax(-1).max(-1)
        rows = self._asked(batch).nonzero()[:, 0].tolist()
        fills: list[list[dict[str, Any]]] = [[] for _ in records]
        for row, number, score in zip(rows, numbers.tolist(), scores.tolist(), strict=True):
            token = self.encoder.tokenizer.decode([number]).removeprefix(PIECE)
            fills[row].append({"token": token, "score": round(score, 6)})
        return [
            {"filled": _filled(record.text, [fill["token"] for fill in found]), "fills": found}
            for record, found in zip(records, fills, strict=True)
        ]

    def score(self, predictions: Sequence[Prediction], records: Sequence[PlainText]) -> Scores:
        """Accuracy at the masks, perplexity, and how many pairs were told to be in their order or swapped."""

        def total(name: str) -> float:
            return math.fsum(item[name] for item in predictions)

        with np.errstate(over="ignore"):
            perplexity = float(np.exp(total("nats") / max(1.0, total("targets"))))
        metrics = {"accuracy": total("hits") / max(1.0, total("targets")), "perplexity": perplexity}
        if self.order is not None:
            metrics["order_accuracy"] = total("ordered") / max(1.0, total("pairs"))
        return Scores(metrics)


def _check(encoder: Encoder, length: int, sentence_order: bool, across: bool) -> None:
    """Whether the settings go together.

    Raises:
        ValueError: they don't.
    """
    if encoder.max_length is not None and length > encoder.max_length:
        raise ValueError(f"length: must be <= embedding.max_length={encoder.max_length}, got {length}.")
    if not sentence_order:
        return
    if across:
        raise ValueError("sentence_order: its two pieces are of one document; leave pack_across_documents out.")
    if encoder.segments < 2:
        raise ValueError(f"sentence_order: needs embedding.segments=2, got {encoder.segments}.")
    if length < SPECIAL + 2:
        raise ValueError(f"length: two pieces take {SPECIAL + 2} tokens or more, got {length}.")


def _filled(text: str, tokens: Sequence[str]) -> str:
    given = iter(tokens)
    return re.sub(re.escape(MASK), lambda match: next(given, match[0]), text)


def _nats(outputs: Outputs, batch: Batch) -> Tensor:
    """(K,) cross entropy of each masked token."""
    target = batch["target"]
    return functional.cross_entropy(_widened(outputs.tokens), target[target != IGNORED], reduction="none")


def _order_nats(order: Tensor, batch: Batch) -> Tensor:
    """(B,) cross entropy of each pair's order; 0 where there is no pair."""
    return functional.cross_entropy(_widened(order), batch["swapped"], ignore_index=IGNORED, reduction="none")


def _widened(logits: Tensor) -> Tensor:
    """In float32 at least: sums of exponentials need it, and float64 is to stay what it is."""
    return logits if logits.dtype == torch.float64 else logits.float()
