"""Task: a text from another, word by word."""

# Shapes: B batch, M source length, N target length, V vocabulary, D hidden dimension.

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from dougong import register
from dougong.contracts.decoder import Decoder
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction
from dougong.data.records import SourceTarget
from dougong_plugins.task.generation.beam import Beam, Written, search
from dougong_plugins.task.generation.copied import places
from dougong_plugins.task.generation.sampled import sample
from dougong_plugins.task.generation.sampling import Sampling
from dougong_plugins.task.generation.source_target import Read, SourceTargetTask, limited


class Outputs(NamedTuple):
    """What was read, and (B, N, V) logits of the target's tokens."""

    read: Read
    logits: Tensor


@register("task", "seq2seq")
class SequenceToSequence(SourceTargetTask):
    """A target text for a source text, token by token in one direction (arXiv 1409.3215, 1706.03762).

    An unknown character that is written is the unknown character of the source that the decoder looks at most.

    Args:
        max_source_length: tokens of a source, the two special ones included; what is beyond is not read.
        max_length: tokens of a target at most.
        direction: from which end targets are written.
        share_embeddings: whether the decoder uses the encoder's embedding, or another; null where the encoder has one.
        tie_output: whether tokens are scored against the embedding's vectors of them; null where it has such.
        source_prior: learn which tokens of the source recur in the target (kexue.fm/archives/5861).
        label_smoothing: probability in training that is spread over all tokens (arXiv 1512.00567).
        decoding: "beam" looks for likely targets, "sample" draws them.
        beam_size: paths that are followed; 1 always takes the likeliest token.
        length_penalty: a target's logarithm of probability is divided by its length to this power.
        no_repeat: no run of so many tokens is written twice; 0 allows all.
        n_best: targets that are answered, as `targets` with scores if there are several; when drawn, drawn.
        temperature: of "sample": below 1 favours likely tokens; 0 always takes the likeliest.
        top_k: of "sample": only so many of the likeliest tokens are drawn from.
        top_p: of "sample": only the likeliest that together have this probability are drawn from.
        seed: of what is drawn, which is a function of it and the source.
    """

    accepts: ClassVar = SourceTarget
    needs: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar = False
    takes_shards: ClassVar = False
    main_metric: ClassVar = "rouge_l"
    higher_is_better: ClassVar = True
    supports: ClassVar = frozenset({"distributions"})

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        facts: Facts,
        max_source_length: Annotated[int, Ge(3)] = 256,
        max_length: Annotated[int, Ge(1)] = 64,
        direction: Literal["left_to_right", "right_to_left"] = "left_to_right",
        share_embeddings: bool | None = None,
        tie_output: bool | None = None,
        source_prior: bool = False,
        label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0,
        decoding: Literal["beam", "sample"] = "beam",
        beam_size: Annotated[int, Ge(1)] = 3,
        length_penalty: Annotated[float, Ge(0)] = 1.0,
        no_repeat: Annotated[int, Ge(0)] = 0,
        n_best: Annotated[int, Ge(1)] = 1,
        temperature: Annotated[float, Ge(0)] = 1.0,
        top_k: Annotated[int, Ge(1)] | None = None,
        top_p: Annotated[float, Gt(0), Le(1)] | None = None,
        seed: Annotated[int, Ge(0)] = 0,
    ) -> None:
        super().__init__(encoder, [decoder], max_source_length, max_length, share_embeddings, tie_output, source_prior)
        if decoding == "beam" and n_best > beam_size:
            raise ValueError(f"n_best: must be <= beam_size={beam_size}, got {n_best}.")
        if decoding == "beam" and (temperature != 1 or top_k is not None or top_p is not None):
            raise ValueError("decoding: nothing is drawn by beam; take sample, or leave temperature, top_k, top_p out.")
        self.decoder = decoder
        self.backwards = direction == "right_to_left"
        self.label_smoothing, self.n_best = label_smoothing, n_best
        self.beam = Beam(beam_size, max_length + 1, length_penalty, no_repeat) if decoding == "beam" else None
        self.sampling = Sampling(temperature, top_k, top_p, seed)

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Short texts."""
        return {"max_source_length": 32, "max_length": 8}

    def targets(self, tokens: Any) -> Example:
        """The target as it is written."""
        order = tokens[::-1] if self.backwards else tokens
        return {"target": limited(order, self.ends.start, self.ends.end, self.max_length)}

    def forward(self, batch: Batch) -> Outputs:
        """(B, M) tokens of the sources and (B, N + 1) of the targets to (B, N, V) logits."""
        read = self.read(batch)
        states = self.decoder(batch["target"][:, :-1], read.source)
        return Outputs(read, self.score_words(states, read.prior))

    def loss(self, outputs: Outputs, batch: Batch) -> Loss:
        """Cross entropy, summed over the tokens of the targets."""
        target = batch["target"]
        return Loss(self.nats(outputs.logits, target, self.label_smoothing), self.count(target))

    def distributions(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Of each token of the targets."""
        return [outputs.logits[self.predicted(batch["target"])]]

    def predict(self, outputs: Outputs, batch: Batch) -> list[Prediction]:
        """What is written for each source, as tokens."""
        return self._written(outputs.read)

    def answer(self, batch: Batch, records: Sequence[Any]) -> list[Prediction]:
        """As `predict`, without looking at the targets."""
        return self._written(self.read(batch))

    def _written(self, read: Read) -> list[Prediction]:
        found = self._search(read)
        predictions: list[Prediction] = [{"written": [], "several": self.n_best > 1} for _ in found]
        for rank in range(self.n_best):
            tokens = [items[rank].tokens if rank < len(items) else [] for items in found]
            copied = self._copied(tokens, read)
            for prediction, items, places_ in zip(predictions, found, copied, strict=True):
                if rank < len(items):
                    written, score = items[rank]
                    order = -1 if self.backwards else 1
                    prediction["written"].append(
                        {"tokens": written[::order], "copied": places_[::order], "score": score}
                    )
        return predictions

    def _search(self, read: Read) -> list[list[Written]]:
        parts = (self.decoder, read.source, self.scorer(read), self.ends)
        if self.beam is not None:
            return search(*parts, self.beam)
        padding = self.tokenizer.padding_id
        prompts = [[token for token in row if token != padding] for row in read.tokens.tolist()]
        return sample(*parts, self.sampling, prompts, self.n_best, self.max_length + 1)

    def _copied(self, rows: Sequence[Sequence[int]], read: Read) -> list[list[int]]:
        if self.unknown is None:
            return [[] for _ in rows]
        return places(rows, self.decoder, read.source, read.tokens, self.ends.start, self.unknown)
