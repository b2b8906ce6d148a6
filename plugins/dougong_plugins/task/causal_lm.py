"""Task: the next token."""

# Shapes: B batch, N length, V vocabulary.

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.nn import functional

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import END, START
from dougong.data.examples import Examples
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore
from dougong_plugins.task.generation.continuation import Reader, continued
from dougong_plugins.task.generation.sampling import Sampling


@register("task", "causal_lm")
class CausalLanguageModel(Task):
    """Each token from those before it; continues a text.

    Documents are cut into blocks of `length` tokens. Bits per character count the characters of the original text, so
    that models with different tokenizers compare; the end of a document has to be predicted, too.

    Args:
        length: tokens that the model sees at once.
        pack_across_documents: whether blocks go on over the ends of documents; otherwise none sees another.
        cache: a folder that keeps the tokens of the data for other runs; null for loader.cache, or the run's own.
        max_new_tokens: the longest continuation that is given.
        temperature: below 1 favours likely tokens; 0 always takes the likeliest.
        top_k: only so many of the likeliest tokens are drawn from.
        top_p: only the likeliest that together have this probability are drawn from.
        seed: of what is drawn; a continuation is a function of it and the text.
    """

    accepts: ClassVar = PlainText
    main_metric: ClassVar = "bits_per_character"
    higher_is_better: ClassVar = False
    needs: ClassVar = frozenset({"causal"})
    streams: ClassVar = True
    supports: ClassVar = frozenset({"distributions"})

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        length: Annotated[int, Ge(2)] = 256,
        pack_across_documents: bool = False,
        cache: str | None = None,
        max_new_tokens: Annotated[int, Ge(1)] = 200,
        temperature: Annotated[float, Ge(0)] = 1.0,
        top_k: Annotated[int, Ge(1)] | None = None,
        top_p: Annotated[float, Gt(0), Le(1)] | None = None,
        seed: Annotated[int, Ge(0)] = 0,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and length > encoder.max_length:
            raise ValueError(f"length: must be <= embedding.max_length={encoder.max_length}, got {length}.")
        if temperature == 0 and (top_k is not None or top_p is not None):
            raise ValueError("temperature: nothing is drawn at 0; leave top_k and top_p out, or raise it.")
        self.encoder = encoder
        self.length = length
        self.pack_across_documents = pack_across_documents
        self.cache = cache
        self.max_new_tokens = max_new_tokens
        self.sampling = Sampling(temperature, top_k, top_p, seed)
        self.next_token = nn.Linear(encoder.dim, encoder.tokenizer.size)
        nn.init.normal_(self.next_token.weight, std=0.02)
        nn.init.zeros_(self.next_token.bias)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short blocks."""
        return {"length": 32, "max_new_tokens": 8}

    def stream(self, records: Iterable[PlainText], store: TokenStore) -> Examples:
        """Blocks of one token more than the model sees: the first is not predicted, the last is not seen."""
        documents = store.within(self.cache).documents(self.encoder.tokenizer, records)
        return documents.blocks(self.length + 1, overlap=1, across=self.pack_across_documents)

    def encode(self, records: Sequence[PlainText]) -> list[Example]:
        """The texts as prompts: a start token, and no end."""
        tokenizer = self.encoder.tokenizer
        start = tokenizer.identity(START)
        return [
            {"tokens": np.concatenate([[start], row])} for row in tokenizer.numbers([item.text for item in records])
        ]

    def forward(self, batch: Batch) -> Tensor:
        """(B, N + 1) tokens to (B, N, V) logits of all but the first."""
        # Padding lies after all that is predicted, where a causal model does not look: no mask is needed.
        states = self.encoder(Inputs(batch["tokens"][:, :-1]), causal=True)
        return self.next_token(states)  # type: ignore[no-any-return]

    def network(self, batch: Batch) -> dict[str, Tensor]:
        """(B, N) tokens to (B, N, V) logits of what follows each; to draw from them stays in Python."""
        return {"scores": self.next_token(self.encoder(Inputs(batch["tokens"]), causal=True))}

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        """Cross entropy, summed over the tokens."""
        return Loss(_nats(outputs, batch).sum(), _targets(batch).sum().to(_widened(outputs).dtype))

    def distributions(self, outputs: Tensor, batch: Batch) -> list[Tensor]:
        """Of each token that is predicted."""
        return [outputs[_targets(batch)]]

    def predict(self, outputs: Tensor, batch: Batch) -> list[Prediction]:
        """What each block costs to tell: `nats` over `targets` tokens, for `characters` of the original."""
        columns = (_nats(outputs, batch).double().sum(1), _targets(batch).sum(1), batch["characters"])
        return [
            {"nats": nats, "targets": targets, "characters": characters}
            for nats, targets, characters in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def answer(self, batch: Batch, records: Sequence[PlainText]) -> list[Prediction]:
        """What each text goes on with, as `continuation`."""
        tokenizer = self.encoder.tokenizer
        tokens, padding = batch["tokens"], batch.get("padding_mask")
        kept = torch.ones_like(tokens, dtype=torch.bool) if padding is None else ~padding
        prompts = [row[mask].tolist() for row, mask in zip(tokens, kept, strict=True)]
        end = tokenizer.identity(END)
        never = [number for number in tokenizer.special_ids if number != end]
        reader = Reader(self.encoder, self.next_token, self.length)
        rows = continued(reader, prompts, self.sampling, self.max_new_tokens, end, never, tokens.device)
        return [{"continuation": tokenizer.decode(row)} for row in rows]

    def score(self, predictions: Sequence[Prediction], records: Sequence[PlainText]) -> Scores:
        """Bits per character of the original text, and perplexity per token."""
        nats, targets, characters = (
            math.fsum(item[name] for item in predictions) for name in ("nats", "targets", "characters")
        )
        with np.errstate(over="ignore"):
            perplexity = float(np.exp(nats / max(1.0, targets)))
        return Scores({"bits_per_character": nats / math.log(2) / max(1.0, characters), "perplexity": perplexity})


def _targets(batch: Batch) -> Tensor:
    """(B, N), True where there is a token to predict."""
    padding = batch.get("padding_mask")
    return torch.ones_like(batch["tokens"][:, 1:], dtype=torch.bool) if padding is None else ~padding[:, 1:]


def _nats(outputs: Tensor, batch: Batch) -> Tensor:
    """(B, N) cross entropy of each target, 0 at padding."""
    found = functional.cross_entropy(_widened(outputs).transpose(1, 2), batch["tokens"][:, 1:], reduction="none")
    return found * _targets(batch)


def _widened(outputs: Tensor) -> Tensor:
    """In float32 at least: sums of exponentials need it, and float64 is to stay what it is."""
    return outputs if outputs.dtype == torch.float64 else outputs.float()
