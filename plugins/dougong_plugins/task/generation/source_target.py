"""What tasks that write a target for a source have in common."""

# Shapes: B batch, M source length, N target length, R sources, K paths, V vocabulary, D hidden dimension.

import logging
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dougong.contracts.decoder import Decoder, Source
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Prediction, Scores, Task
from dougong.contracts.tokenizer import END, START, UNKNOWN
from dougong.data.records import SourceTarget
from dougong.errors import UserError
from dougong.metrics.sequences import sequence_scores, units
from dougong.metrics.wrong import wrong_table
from dougong_plugins.task.generation.beam import Ends
from dougong_plugins.task.generation.copied import text_of
from dougong_plugins.task.generation.output_words import OutputWords, SourcePrior, token_table

logger = logging.getLogger(__name__)


class Read(NamedTuple):
    """A batch of sources.

    Args:
        source: what the decoders look at.
        tokens: (B, M).
        prior: (B, V) logits of what a target of each source has; None where that is not learnt.
    """

    source: Source
    tokens: Tensor
    prior: Tensor | None


class SourceTargetTask(Task):
    """Reads sources, scores words, and makes texts and metrics of what was written.

    Args:
        share_embeddings: whether the decoders use the encoder's embedding; None where it has one.
        tie_output: whether words are scored against the decoders' vectors of the tokens; None where there are such.
        source_prior: whether it is learnt which tokens of the source recur.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoders: Sequence[Decoder],
        max_source_length: int,
        max_length: int,
        share_embeddings: bool | None,
        tie_output: bool | None,
        source_prior: bool,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_source_length > encoder.max_length:
            raise ValueError(
                f"max_source_length: must be <= embedding.max_length={encoder.max_length}, got {max_source_length}."
            )
        self.encoder = encoder
        self.tokenizer = tokenizer = encoder.tokenizer
        embedding = _shared(encoder, share_embeddings) or decoders[0].embedding
        if embedding.max_length is not None and max_length >= embedding.max_length:
            raise ValueError(f"max_length: must be < embedding.max_length={embedding.max_length}, got {max_length}.")
        for decoder in decoders:
            decoder.embedding = embedding
        dim = decoders[0].dim
        self.bridge = nn.Identity() if encoder.dim == dim else nn.Linear(encoder.dim, dim)
        table = None if tie_output is False else token_table(embedding)
        if tie_output and table is None:
            raise ValueError("tie_output: this embedding has no vectors of the tokens; take tie_output=false.")
        self.words = OutputWords(dim, table, tokenizer.size)
        self.prior = SourcePrior(tokenizer.size, tokenizer.special_ids) if source_prior else None
        self.max_source_length, self.max_length = max_source_length, max_length
        self.unknown = tokenizer.identity(UNKNOWN) if UNKNOWN in tokenizer.core.get_vocab() else None
        start, end = tokenizer.identity(START), tokenizer.identity(END)
        never = [number for number in tokenizer.special_ids if number not in (start, end, self.unknown)]
        self.ends = Ends(start, end, [start, *never])
        self._warned = False

    @classmethod
    def texts(cls, record: SourceTarget) -> Iterable[str]:
        """Source and target."""
        return (record.text, *(() if record.target is None else (record.target,)))

    def problem(self, record: SourceTarget) -> str | None:
        """There must be a target to learn or score."""
        return "there is no `target`." if record.target is None else None

    def encode(self, records: Sequence[SourceTarget]) -> list[Example]:
        """Tokens of the source, and those of the target as `target`, without start and end but where it is whole."""
        encodings = self.tokenizer.encode([record.text for record in records], self.max_source_length)
        targets = self.tokenizer.numbers([record.target or "" for record in records])
        self._tell(sum(len(target) > self.max_length for target in targets))
        return [
            {"tokens": encoding.ids, **self.targets(target)}
            for encoding, target in zip(encodings, targets, strict=True)
        ]

    @abstractmethod
    def targets(self, tokens: Any) -> Example:
        """The columns of a target; one that is too long has no end."""

    def padding_values(self) -> dict[str, int]:
        """Nothing is predicted at padding."""
        return {**super().padding_values(), "target": self.tokenizer.padding_id}

    def read(self, batch: Batch) -> Read:
        """Encode the sources."""
        tokens, padding_mask = batch["tokens"], batch.get("padding_mask")
        states = self.bridge(self.encoder(Inputs(tokens, padding_mask)))
        return Read(Source(states, padding_mask), tokens, None if self.prior is None else self.prior(tokens))

    def network(self, batch: Batch) -> dict[str, Tensor]:
        """None: how often the decoders are asked is known only when the text is written."""
        raise UserError(
            "to: this task writes its targets token by token, which no program of one structure does; to=safetensors "
            "and to=dougong take all of it, to=huggingface its encoder."
        )

    def score_words(self, states: Tensor, prior: Tensor | None) -> Tensor:
        """(B, N, D) states to (B, N, V) logits; the mean with the prior where there is one."""
        logits: Tensor = self.words(states)
        return logits if prior is None else (logits + prior.unsqueeze(1)) / 2

    def scorer(self, read: Read) -> Any:
        """`score_words` for some of the sources of a batch."""
        return lambda states, live: self.score_words(states, None if read.prior is None else read.prior[live])

    def nats(self, logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
        """The cross entropy of (B, N + 1) targets, of which the first is given, summed."""
        widened = logits if logits.dtype == torch.float64 else logits.float()
        return functional.cross_entropy(
            widened.flatten(0, 1),
            target[:, 1:].flatten(),
            ignore_index=self.tokenizer.padding_id,
            label_smoothing=smoothing if self.training else 0.0,
            reduction="sum",
        )

    def count(self, target: Tensor) -> Tensor:
        """How many tokens of (B, N + 1) targets are to be predicted."""
        return self.predicted(target).sum().float()

    def predicted(self, target: Tensor) -> Tensor:
        """(B, N), True where a token of (B, N + 1) targets is to be predicted."""
        return target[:, 1:] != self.tokenizer.padding_id

    def join(self, predictions: Sequence[Prediction], record: SourceTarget) -> Prediction:
        """The targets as text, best first; what the vocabulary lacks is taken from the source."""
        (prediction,) = predictions
        (encoding,) = self.tokenizer.encode([record.text], self.max_source_length)
        pieces = [record.text[start:end] for start, end in encoding.offsets]
        written = [
            {"text": text_of(item["tokens"], item["copied"], pieces, self.tokenizer), "score": round(item["score"], 6)}
            for item in prediction["written"]
        ]
        best = {"target": written[0]["text"] if written else ""}
        return {**best, "targets": written} if prediction["several"] else {**best, "score": written[0]["score"]}

    def score(self, predictions: Sequence[Prediction], records: Sequence[SourceTarget]) -> Scores:
        """ROUGE, BLEU, exact match, and how well each end is met."""
        predicted = [prediction["target"] for prediction in predictions]
        expected = [record.target or "" for record in records]
        wrong = (
            (record.text, [other], [one])
            for record, one, other in zip(records, predicted, expected, strict=True)
            if units(one) != units(other)
        )
        return Scores(sequence_scores(predicted, expected), {"wrong": wrong_table(wrong)})

    def _tell(self, cut: int) -> None:
        if cut and not self._warned:
            self._warned = True
            logger.warning(
                "%d targets have more than task.max_length=%d tokens; what is beyond can't be learnt.",
                cut,
                self.max_length,
            )


def limited(tokens: Any, start: int, end: int, most: int) -> Any:
    """Start, tokens and end; of a target that is too long, start and the first tokens."""
    ends = [end] if len(tokens) <= most else []
    return np.concatenate([[start], tokens[:most], ends]).astype(np.int64)


def _shared(encoder: Encoder, share: bool | None) -> Any:
    embedding = None if share is False else getattr(encoder, "embedding", None)
    if share and embedding is None:
        raise ValueError("share_embeddings: this encoder has no embedding to share; take share_embeddings=false.")
    return embedding
