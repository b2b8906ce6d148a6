"""Task: the piece of a passage that answers a question."""

# Shapes: B batch, N length, D hidden dimension.

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor
from torch.nn import functional

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import UNKNOWN
from dougong.data.alignment import Aligned
from dougong.data.records import SpanQuestion
from dougong.nn.dropout import Dropout
from dougong_plugins.task.reading.inputs import Layout
from dougong_plugins.task.reading.pointers import SpanPointers, log_probabilities
from dougong_plugins.task.reading.references import References, TokenSpan
from dougong_plugins.task.reading.scores import score_answers
from dougong_plugins.task.reading.spans import Scored, best_spans, merge

IGNORED = -100
"""In place of a target where none can be told."""

IMPOSSIBLE = -1e4
"""In place of the logarithm of zero."""


@register("task", "reading_comprehension")
class ReadingComprehension(Task):
    """Where in its passages the answer to a question begins and ends (arXiv 1810.04805, sections 4.2 and 4.3).

    Passages that are longer than the model are read in overlapping windows. A window without an answer points at its
    first token, [CLS], so that the scores of windows compare; the best span of all windows is the answer.

    Args:
        max_length: tokens of the question and a window of its passage together.
        question_length: longer questions are cut to this many tokens; null for a quarter of `max_length`.
        overlap: tokens that two neighbouring windows share; null for a quarter of `max_length`.
        max_answer_length: tokens of an answer at most.
        match: tells the model which tokens of passage and question stand in the other too (arXiv 1704.00051), and in
            how long a piece, up to this many tokens; needs embedding.segments=2 and twice as many more. 0 for not.
        hide: probability that a token is made the unknown one in training, so that names are not learnt by heart.
        unanswerable: whether questions may have no answer in their passages.
        threshold: how much likelier, as a difference of logarithms, no answer must be than the best span.
        n_best: how many answers `predict` gives, with their scores.
        units: what F1 compares: characters as in CMRC 2018, words as in SQuAD, or characters where the question or an
            answer has Chinese ones.
        dropout: probability that a number of a token's state is zeroed in training.
    """

    accepts: ClassVar = SpanQuestion
    main_metric: ClassVar = "f1"
    higher_is_better: ClassVar = True
    supports: ClassVar = frozenset({"distributions"})

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(16)] = 512,
        question_length: Annotated[int, Ge(1)] | None = None,
        overlap: Annotated[int, Ge(0)] | None = None,
        max_answer_length: Annotated[int, Ge(1)] = 64,
        match: Annotated[int, Ge(0), Le(8)] = 0,
        hide: Annotated[float, Ge(0), Lt(1)] = 0.0,
        unanswerable: bool = False,
        threshold: float = 0.0,
        n_best: Annotated[int, Ge(1), Le(100)] = 1,
        units: Literal["auto", "characters", "words"] = "auto",
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            raise ValueError(f"max_length: must be <= embedding.max_length={encoder.max_length}, got {max_length}.")
        if match and encoder.segments < 2 + 2 * match:
            raise ValueError(f"match: {match} needs embedding.segments={2 + 2 * match}, got {encoder.segments}.")
        question_length = max_length // 4 if question_length is None else question_length
        overlap = max_length // 4 if overlap is None else overlap
        if (room := max_length - question_length - 3) <= overlap:
            key = "question_length" if room < 1 else "overlap"
            raise ValueError(f"{key}: of max_length={max_length} tokens, {room} are left for a window of the passage.")
        self.encoder = encoder
        self.layout = Layout(encoder.tokenizer, max_length, question_length, overlap, match)
        self.max_answer_length = max_answer_length
        self.unanswerable = unanswerable
        self.threshold = threshold
        self.n_best = n_best
        self.units = units
        self.references = References(self.noted)
        self.dropout = Dropout(dropout)
        self.hide = hide
        self.unknown_id = encoder.tokenizer.identity(UNKNOWN)
        self.point = SpanPointers(encoder.dim)
        self._aligned: dict[str, Aligned] = {}

    @classmethod
    def texts(cls, record: SpanQuestion) -> Iterable[str]:
        """The question and its passages."""
        return (record.question, *record.passages)

    def problem(self, record: SpanQuestion) -> str | None:
        """A question without an answer can't be used where all are to have one."""
        if not record.answers and not self.unanswerable:
            return "it has no answer (task.unanswerable=true takes such questions)."
        outside = [answer.passage for answer in record.answers if not 0 <= answer.passage < len(record.passages)]
        return f"an answer is in passage {outside[0]}, of {len(record.passages)}." if outside else None

    def remarks(self) -> list[str]:
        """How many answers are not where they are said to be."""
        return self.references.remarks()

    def encode(self, records: Sequence[SpanQuestion]) -> list[Example]:
        """A question with each window of each of its passages; `starts` and `ends` are the answers within it.

        Both are [0], the place of [CLS], where there is none, and empty where it is not known.
        """
        tokenizer = self.encoder.tokenizer
        texts = list(dict.fromkeys(text for record in records for text in record.passages or ("",)))
        self._aligned = aligned = dict(zip(texts, tokenizer.align(texts), strict=True))
        questions = tokenizer.numbers([record.question for record in records])
        examples: list[Example] = []
        for number, (record, question) in enumerate(zip(records, questions, strict=True)):
            mine = [
                {**example, "passage": passage, "record": number}
                for passage, text in enumerate(record.passages or ("",))
                for example in self.layout.windows(question, aligned[text].numbers)
            ]
            self._aim(mine, record, self.references.of(record, aligned))
            examples += mine
        return examples

    def _aim(self, windows: Sequence[Example], record: SpanQuestion, spans: Sequence[TokenSpan]) -> None:
        """Add the targets to the windows of a question."""
        found = [[place for span in spans if (place := _within(window, span)) is not None] for window in windows]
        known = any(found) if record.answers else self.unanswerable
        if record.answers and not known:
            self.references.counts["long" if spans else "unknown"] += 1
        for window, places in zip(windows, found, strict=True):
            targets = places or ([(0, 0)] if known else [])
            window["starts"] = np.array([start for start, _ in targets], np.int64)
            window["ends"] = np.array([end for _, end in targets], np.int64)

    def vary(self, example: Example, random: np.random.Generator) -> Example:
        """Draw one of the reference answers."""
        kept = {name: values for name, values in example.items() if name not in ("starts", "ends")}
        starts, ends = example["starts"], example["ends"]
        if not len(starts):
            return {**kept, "start": np.int64(IGNORED), "end": np.int64(IGNORED)}
        drawn = random.integers(len(starts))
        return {**kept, "start": starts[drawn], "end": ends[drawn]}

    def forward(self, batch: Batch) -> Tensor:
        """(B, N) tokens to (B, N, 2) scores of the start and the end."""
        tokens = self._hidden(batch) if self.training and self.hide else batch["tokens"]
        states = self.encoder(Inputs(tokens, batch.get("padding_mask"), batch["segments"]))
        places = torch.arange(tokens.size(1), device=tokens.device)
        return self.point(self.dropout(states), places < batch["first"].unsqueeze(1) - 1)  # type: ignore[no-any-return]

    def _hidden(self, batch: Batch) -> Tensor:
        tokens = batch["tokens"]
        special = torch.tensor(self.encoder.tokenizer.special_ids, device=tokens.device)
        drawn = torch.rand(tokens.shape, device=tokens.device) < self.hide
        return tokens.masked_fill(drawn & ~torch.isin(tokens, special), self.unknown_id)

    def loss(self, outputs: Tensor, batch: Batch) -> Loss:
        """Cross entropy of start and end, their mean summed over the windows of which the target is known."""
        starts, ends = log_probabilities(outputs, _possible(batch))
        total = sum(
            functional.nll_loss(scores, batch[name], ignore_index=IGNORED, reduction="sum")
            for scores, name in ((starts, "start"), (ends, "end"))
        )
        return Loss(torch.as_tensor(total) / 2, (batch["start"] != IGNORED).sum().to(starts.dtype))

    def distributions(self, outputs: Tensor, batch: Batch) -> list[Tensor]:
        """Of the start and of the end, in each window of which the target is known."""
        known = batch["start"] != IGNORED
        return [scores[known].clamp_min(IMPOSSIBLE) for scores in log_probabilities(outputs, _possible(batch))]

    def predict(self, outputs: Tensor, batch: Batch) -> list[Prediction]:
        """The best `spans` of each window, in tokens of the passage, and the score of there being `none`."""
        starts, ends = log_probabilities(outputs, _possible(batch))
        none = starts[:, 0] + ends[:, 0]
        scores, first, last = best_spans(starts[:, 1:], ends[:, 1:], self.max_answer_length, self.n_best)
        shift = (batch["offset"] - batch["first"] + 1).unsqueeze(1)
        rows = zip(
            none.tolist(),
            batch["passage"].tolist(),
            scores.tolist(),
            (first + shift).tolist(),
            (last + shift).tolist(),
            strict=True,
        )
        return [
            {
                "none": empty,
                "spans": [
                    Scored(score, passage, begin, end)
                    for score, begin, end in zip(values, begins, ends, strict=True)
                    if math.isfinite(score)
                ],
            }
            for empty, passage, values, begins, ends in rows
        ]

    def join(self, predictions: Sequence[Prediction], record: SpanQuestion) -> Prediction:
        """The best span of all windows as `answers`: one with its place and probability, or none.

        With `n_best`, the others too, under that name; where questions may be unanswerable, also the best `candidate`
        and by how much `no_answer` is likelier.
        """
        spans = merge((prediction["spans"] for prediction in predictions), self.n_best)
        found = [self._answer(span, record) for span in spans]
        more: Prediction = {"n_best": found} if self.n_best > 1 else {}
        if not self.unanswerable or not found:
            return {"answers": found[:1], **more}
        # As published, the least of all windows: an answer in one of them is an answer.
        no_answer = round(min(prediction["none"] for prediction in predictions) - spans[0].score, 6)
        answers = [] if no_answer > self.threshold else found[:1]
        return {"answers": answers, "candidate": found[0], "no_answer": no_answer, **more}

    def _answer(self, span: Scored, record: SpanQuestion) -> dict[str, Any]:
        passage = record.passages[span.passage]
        if passage not in self._aligned:  # not of what was encoded last; questions on one passage follow one another
            self._aligned = {passage: self.encoder.tokenizer.align([passage])[0]}
        start, end = self._aligned[passage].characters(span.first, span.last)
        score = round(math.exp(span.score), 6)
        return {"text": passage[start:end], "start": start, "end": end, "passage": span.passage, "score": score}

    def score(self, predictions: Sequence[Prediction], records: Sequence[SpanQuestion]) -> Scores:
        """Exact match and F1."""
        return score_answers(predictions, records, self.units)


def _within(window: Example, span: TokenSpan) -> tuple[int, int] | None:
    """The places of a span in an input; None where it is not in that window as a whole."""
    first, last = span.first - window["offset"], span.last - window["offset"]
    if span.passage != window["passage"] or first < 0 or last >= window["count"]:
        return None
    return window["first"] + first, window["first"] + last


def _possible(batch: Batch) -> Tensor:
    """(B, N), True at the passage, and at the first place, which stands for no answer."""
    places = torch.arange(batch["tokens"].size(1), device=batch["tokens"].device)
    first, count = batch["first"].unsqueeze(1), batch["count"].unsqueeze(1)
    return (places == 0) | ((places >= first) & (places < first + count))
