"""Task: a text from another, written from both ends at once."""

# Shapes: B batch, M source length, N target length, V vocabulary, D hidden dimension.

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.decoder import Decoder
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction
from dougong.data.records import SourceTarget
from dougong.nn.meeting import Meeting
from dougong.registry.types import PerLayer
from dougong_plugins.task.generation.copied import places
from dougong_plugins.task.generation.source_target import Read, SourceTargetTask, limited
from dougong_plugins.task.generation.two_way import search_both


class Outputs(NamedTuple):
    """What was read, and (B, N, V) logits of the target's tokens from the left and from the right."""

    read: Read
    left: Tensor
    right: Tensor


@register("task", "bidirectional_seq2seq")
class BidirectionalSequenceToSequence(SourceTargetTask):
    """A target text for a source text, from both ends at once (kexue.fm/archives/6877, after TACL 2019, Zhou et al.).

    Two decoders share embedding and output. Each predicts its next token from its own states and, by attention, from
    as many states of the other. What was written from the right starts with the end token and ends with the start
    token.

    Args:
        max_source_length: tokens of a source, the two special ones included; what is beyond is not read.
        max_length: tokens of a target at most.
        share_embeddings: whether the decoders use the encoder's embedding, or another; null where the encoder has one.
        tie_output: whether tokens are scored against the embedding's vectors of them; null where it has such.
        source_prior: learn which tokens of the source recur in the target (kexue.fm/archives/5861).
        label_smoothing: probability in training that is spread over all tokens (arXiv 1512.00567).
        meeting_heads: attention heads with which the directions look at each other.
        dropout: probability that a number is zeroed in training where they do.
        beam_size: paths that are followed in each direction.
    """

    accepts: ClassVar = SourceTarget
    needs: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar = False
    takes_shards: ClassVar = False
    main_metric: ClassVar = "rouge_l"
    higher_is_better: ClassVar = True
    supports: ClassVar = frozenset({"distributions", "directions"})

    def __init__(
        self,
        encoder: Encoder,
        decoder: PerLayer[Decoder],
        facts: Facts,
        max_source_length: Annotated[int, Ge(3)] = 256,
        max_length: Annotated[int, Ge(1)] = 64,
        share_embeddings: bool | None = None,
        tie_output: bool | None = None,
        source_prior: bool = False,
        label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0,
        meeting_heads: Annotated[int, Ge(1)] = 4,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
        beam_size: Annotated[int, Ge(1)] = 3,
    ) -> None:
        decoders = [decoder(0), decoder(1)]
        super().__init__(encoder, decoders, max_source_length, max_length, share_embeddings, tie_output, source_prior)
        dim = decoders[0].dim
        if dim % meeting_heads:
            raise ValueError(f"meeting_heads: must divide the dimension {dim}, got {meeting_heads}.")
        self.decoders = nn.ModuleList(decoders)
        self.meetings = nn.ModuleList(Meeting(dim, meeting_heads, dropout) for _ in decoders)
        self.label_smoothing, self.beam_size = label_smoothing, beam_size
        self.pseudo: list[list[int]] | None = None
        """What the other direction is to be seen on in training, for each example: see `callback=pseudo_targets`."""

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short texts."""
        return {"max_source_length": 32, "max_length": 8}

    def targets(self, tokens: Any) -> Example:
        """The target as it is written from the left and, as `reverse`, from the right."""
        start, end, most = self.ends.start, self.ends.end, self.max_length
        return {"target": limited(tokens, start, end, most), "reverse": limited(tokens[::-1], end, start, most)}

    def padding_values(self) -> dict[str, int]:
        """Nothing is predicted at padding."""
        return {**super().padding_values(), "reverse": self.tokenizer.padding_id}

    def forward(self, batch: Batch) -> Outputs:
        """(B, M) tokens of the sources and (B, N + 1) of the targets to (B, N, V) logits of both directions."""
        read = self.read(batch)
        left, right = self._states(batch, read)
        other = (right, left)
        if self.training and self.pseudo is not None:
            other = self._states(self._pseudo(batch), read)[::-1]
        met = (meeting(own, seen) for meeting, own, seen in zip(self.meetings, (left, right), other, strict=True))
        return Outputs(read, *(self.score_words(states, read.prior) for states in met))

    def _states(self, batch: Batch, read: Read) -> tuple[Tensor, Tensor]:
        """Of what is written from the left and from the right."""
        left, right = self.decoders
        return left(batch["target"][:, :-1], read.source), right(batch["reverse"][:, :-1], read.source)

    def _pseudo(self, batch: Batch) -> Batch:
        """The targets that were written, as wide as the true ones; the end stands wherever they are shorter."""
        assert self.pseudo is not None
        start, end, width = self.ends.start, self.ends.end, batch["target"].size(1)
        rows = [self.pseudo[index] for index in batch["index"].tolist()]
        left = [_as_wide([start, *row], end, width) for row in rows]
        right = [_as_wide([end, *row[::-1]], start, width) for row in rows]
        device = batch["target"].device
        return {"target": torch.tensor(left, device=device), "reverse": torch.tensor(right, device=device)}

    def loss(self, outputs: Outputs, batch: Batch) -> Loss:
        """The mean of both directions' cross entropies, summed over the tokens of the targets."""
        left = self.nats(outputs.left, batch["target"], self.label_smoothing)
        right = self.nats(outputs.right, batch["reverse"], self.label_smoothing)
        return Loss((left + right) / 2, self.count(batch["target"]))

    def distributions(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Of each token of the targets, in both directions."""
        left, right = (self.predicted(batch[name]) for name in ("target", "reverse"))
        return [outputs.left[left], outputs.right[right]]

    def predict(self, outputs: Outputs, batch: Batch) -> list[Prediction]:
        """What is written for each source, as tokens."""
        return self._written(outputs.read)

    def answer(self, batch: Batch, records: Sequence[Any]) -> list[Prediction]:
        """As `predict`, without looking at the targets."""
        return self._written(self.read(batch))

    def _written(self, read: Read) -> list[Prediction]:
        decoders: list[Any] = list(self.decoders)
        meetings: list[Any] = list(self.meetings)
        sizes = (self.beam_size, self.max_length + 1)
        found = search_both(decoders, meetings, read.source, self.scorer(read), self.ends, *sizes)
        rows = [item.tokens for item in found]
        copied: list[list[int]] = [[] for _ in rows]
        if self.unknown is not None:
            copied = places(rows, decoders[0], read.source, read.tokens, self.ends.start, self.unknown)
        return [
            {"written": [{"tokens": row, "copied": taken, "score": item.score}], "several": False}
            for row, taken, item in zip(rows, copied, found, strict=True)
        ]


def _as_wide(row: list[int], end: int, width: int) -> list[int]:
    return row[:width] + [end] * (width - len(row))
