"""Task: the tokens that were masked."""

# Shapes: B batch, N length, K masked places of a batch, V vocabulary.

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import MASK, Tokenizer
from dougong.data.examples import Examples
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore

IGNORED = -100
"""In place of a target where nothing is to be predicted."""

PIECE = "##"
"""What begins a token that goes on with a word."""


@register("task", "masked_lm")
class MaskedLanguageModel(Task):
    """Masked tokens from those around them, as BERT (arXiv 1810.04805); fills in `[MASK]`.

    Of the tokens that are to be predicted, 80 % are masked, 10 % replaced by another and 10 % left as they are; in
    each epoch others, in evaluation always the same.

    Args:
        length: tokens that the model sees at once.
        share: of the tokens that are to be predicted.
        whole_word: whether the pieces of a word are masked together.
        pack_across_documents: whether blocks go on over the ends of documents; otherwise none sees another.
        cache: a folder that keeps the tokens of the data for other runs; null keeps them in the run's own folder.
    """

    accepts: ClassVar = PlainText
    main_metric: ClassVar = "perplexity"
    higher_is_better: ClassVar = False
    streams: ClassVar = True

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        length: Annotated[int, Ge(3)] = 128,
        share: Annotated[float, Gt(0), Lt(1)] = 0.15,
        whole_word: bool = False,
        pack_across_documents: bool = False,
        cache: str | None = None,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and length > encoder.max_length:
            raise ValueError(f"length: must be <= embedding.max_length={encoder.max_length}, got {length}.")
        tokenizer = encoder.tokenizer
        self.encoder = encoder
        self.length = length
        self.share = share
        self.pack_across_documents = pack_across_documents
        self.cache = cache
        self.mask_id = tokenizer.identity(MASK)
        self.original = nn.Linear(encoder.dim, tokenizer.size)
        nn.init.normal_(self.original.weight, std=0.02)
        nn.init.zeros_(self.original.bias)
        self._special = np.isin(np.arange(tokenizer.size), tokenizer.special_ids)
        self._ordinary = np.flatnonzero(~self._special)
        self._goes_on = _pieces(tokenizer) if whole_word else None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short blocks."""
        return {"length": 32}

    def stream(self, records: Iterable[PlainText], store: TokenStore) -> Examples:
        """Blocks of the documents."""
        documents = store.within(self.cache).documents(self.encoder.tokenizer, records)
        return documents.blocks(self.length, across=self.pack_across_documents)

    def encode(self, records: Sequence[PlainText]) -> list[Example]:
        """Tokens; `[MASK]` in a text is the token."""
        encodings = self.encoder.tokenizer.encode([record.text for record in records], self.length)
        return [{"tokens": encoding.ids} for encoding in encodings]

    def vary(self, example: Example, random: np.random.Generator) -> Example:
        """Mask."""
        tokens = example["tokens"].astype(np.int64)
        target = np.full(len(tokens), IGNORED)
        places = np.flatnonzero(~self._special[tokens])
        if len(places):
            chosen = self._choose(tokens, places, random)
            target[chosen] = tokens[chosen]
            fate = random.random(len(chosen))
            tokens[chosen[fate < 0.8]] = self.mask_id
            replaced = chosen[fate >= 0.9]
            tokens[replaced] = random.choice(self._ordinary, len(replaced))
        return {"tokens": tokens, "target": target}

    def _choose(
        self, tokens: npt.NDArray[np.int64], places: npt.NDArray[np.int64], random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Of the places of ordinary tokens, those to predict: a share of them, one at least."""
        count = max(1, round(self.share * len(places)))
        if self._goes_on is None:
            return random.choice(places, count, replace=False)
        words = np.split(places, np.flatnonzero(~self._goes_on[tokens[places]][1:]) + 1)
        chosen: list[npt.NDArray[np.int64]] = []
        for number in random.permutation(len(words)):
            # As in BERT, a word that is too long for what is left is passed over.
            if not chosen or sum(map(len, chosen)) + len(words[number]) <= count:
                chosen.append(words[number])
        return np.concatenate(chosen)

    def padding_values(self) -> dict[str, int]:
        """Nothing is predicted at padding."""
        return {**super().padding_values(), "target": IGNORED}

    def forward(self, batch: Batch) -> Tensor:
        """(B, N) tokens to (K, V) logits of the places that are asked for."""
        states = self.encoder(Inputs(batch["tokens"], batch.get("padding_mask")))
        return self.original(states[self._asked(batch)])  # type: ignore[no-any-return]

    def _asked(self, batch: Batch) -> Tensor:
        return batch["target"] != IGNORED if "target" in batch else batch["tokens"] == self.mask_id

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        """Cross entropy, summed over the masked places."""
        nats = _nats(outputs, batch)
        return Loss(nats.sum(), torch.tensor(float(len(nats)), device=outputs.device))

    def predict(self, outputs: Tensor, batch: Batch) -> list[Prediction]:
        """What each block cost to tell, and how many of its masked tokens were found."""
        asked = self._asked(batch)
        rows = asked.nonzero()[:, 0]
        hits = outputs.argmax(-1) == batch["target"][asked]
        found = torch.zeros(len(asked), 2, dtype=torch.float64, device=outputs.device)
        found.index_add_(0, rows, torch.stack([_nats(outputs, batch).double(), hits.double()], 1))
        return [
            {"nats": nats, "hits": hit, "targets": targets}
            for (nats, hit), targets in zip(found.tolist(), asked.sum(1).tolist(), strict=True)
        ]

    def answer(self, batch: Batch, records: Sequence[PlainText]) -> list[Prediction]:
        """The text with its masks `filled`, and what stands at each, with its probability, as `fills`.

        A mask beyond `length` tokens stays.
        """
        logits = self(batch).double()
        logits[:, self._special] = -torch.inf
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
        """Accuracy at the masks, and perplexity."""
        nats, hits, targets = (math.fsum(item[name] for item in predictions) for name in ("nats", "hits", "targets"))
        with np.errstate(over="ignore"):
            perplexity = float(np.exp(nats / max(1.0, targets)))
        return Scores({"accuracy": hits / max(1.0, targets), "perplexity": perplexity})


def _pieces(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """(V,), True where a token goes on with a word.

    Raises:
        ValueError: the tokenizer does not say.
    """
    found = np.array([str(tokenizer.core.id_to_token(number)).startswith(PIECE) for number in range(tokenizer.size)])
    if not found.any():
        raise ValueError("whole_word: this tokenizer does not mark the pieces of a word; take tokenizer=wordpiece.")
    return found


def _filled(text: str, tokens: Sequence[str]) -> str:
    given = iter(tokens)
    return re.sub(re.escape(MASK), lambda match: next(given, match[0]), text)


def _nats(outputs: Tensor, batch: Batch) -> Tensor:
    """(K,) cross entropy of each masked token, in float32 at least."""
    widened = outputs if outputs.dtype == torch.float64 else outputs.float()
    target = batch["target"]
    return functional.cross_entropy(widened, target[target != IGNORED], reduction="none")
