"""Task: the answer to a question that several passages may have."""

# Shapes: B batch, Q question length, N passage length.

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import END, UNKNOWN
from dougong.data.records import SpanQuestion
from dougong.registry.types import Default
from dougong_plugins.task.passages.inputs import answer_spans, cropped, cut_windows
from dougong_plugins.task.passages.network import Marks, PassageReader, focal_loss
from dougong_plugins.task.passages.scores import score_answers
from dougong_plugins.task.passages.votes import Candidate, answers_of, candidates
from dougong_plugins.task.reading.inputs import shared_runs


class Read(NamedTuple):
    """What was read, and the batch as it was read: in training, pieces of passages."""

    marks: Marks
    batch: Batch


@register("task", "passage_qa")
class PassageQa(Task):
    """The answer that the passages of a question agree on, or none (kexue.fm/archives/6906 and 5409).

    Each passage is read alone, with the question in one vector. It marks likely starts and ends; the spans between are
    candidates, and over all passages those with one wording are counted together.

    Args:
        max_length: tokens of a passage; longer ones are read in windows.
        question_length: longer questions are cut to this many tokens.
        overlap: tokens that two neighbouring windows share; null for a quarter of `max_length`.
        question_dilations: of the gated convolutions over the question.
        match: tells the model which tokens of the passage stand in the question too, and in how long a piece of it,
            up to this many tokens; 0 for not.
        crop: probability that in training a passage of more than half of `max_length` is cut to a random piece of it.
        gamma: how much less what is nearly right counts in the loss; 0 for cross entropy.
        alpha: share of the marks in the loss; that of all other tokens is the rest.
        threshold: probability of start and of end that makes a candidate.
        max_answer_length: tokens of an answer at most.
        n_best: how many answers `predict` gives, with their scores.
        support: whether it also tells the passages that have an answer, with the score of each.
    """

    accepts: ClassVar = SpanQuestion
    main_metric: ClassVar = "mean"
    higher_is_better: ClassVar = True
    needs: ClassVar = frozenset({"vectors"})

    def __init__(
        self,
        encoder: Annotated[Encoder, Default("dgcnn")],
        facts: Facts,
        max_length: Annotated[int, Ge(8)] = 256,
        question_length: Annotated[int, Ge(1)] = 64,
        overlap: Annotated[int, Ge(0)] | None = None,
        question_dilations: tuple[Annotated[int, Ge(1)], ...] = (1, 2, 1),
        match: Annotated[int, Ge(0), Le(8)] = 4,
        crop: Annotated[float, Ge(0), Le(1)] = 0.5,
        gamma: Annotated[float, Ge(0)] = 2.0,
        alpha: Annotated[float, Ge(0), Le(1)] = 0.25,
        threshold: Annotated[float, Ge(0), Lt(1)] = 0.1,
        max_answer_length: Annotated[int, Ge(1)] = 12,
        n_best: Annotated[int, Ge(1), Le(100)] = 1,
        support: bool = False,
    ) -> None:
        super().__init__()
        for name, length in (("max_length", max_length), ("question_length", question_length + 1)):
            if encoder.max_length is not None and length > encoder.max_length:
                raise ValueError(f"{name}: must fit into embedding.max_length={encoder.max_length}, got {length}.")
        overlap = max_length // 4 if overlap is None else overlap
        if overlap >= max_length - 1:
            raise ValueError(f"overlap: must be < max_length - 1 = {max_length - 1}, got {overlap}.")
        self.encoder = encoder
        self.reader = PassageReader(encoder, question_dilations, match)
        self.max_length, self.question_length, self.overlap = max_length, question_length, overlap
        self.match, self.crop = match, crop
        self.gamma, self.alpha = gamma, alpha
        self.threshold, self.max_answer_length = threshold, max_answer_length
        self.n_best, self.support = n_best, support

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Nothing random in training."""
        return {"crop": 0.0}

    @classmethod
    def texts(cls, record: SpanQuestion) -> Iterable[str]:
        """The question and its passages."""
        return (record.question, *record.passages)

    def problem(self, record: SpanQuestion) -> str | None:
        """An answer has to be in one of the passages."""
        outside = [answer.passage for answer in record.answers if not 0 <= answer.passage < len(record.passages)]
        return f"an answer is in passage {outside[0]}, of {len(record.passages)}." if outside else None

    def remarks(self) -> list[str]:
        """How many questions have answers that none of their passages has."""
        line = "questions have no reference answer in their passages; all of these are read as without one"
        return [f"{self.noted['missing']:,} {line}"] if self.noted["missing"] else []

    def padding_values(self) -> dict[str, int]:
        """Questions are filled up as passages are."""
        return {**super().padding_values(), "question": self.encoder.tokenizer.padding_id}

    def encode(self, records: Sequence[SpanQuestion]) -> list[Example]:
        """A question with each window of each of its passages, in which starts and ends of answers are marked."""
        tokenizer = self.encoder.tokenizer
        end, unknown = tokenizer.identity(END), tokenizer.identity(UNKNOWN)
        texts = list(dict.fromkeys(text for record in records for text in record.passages or ("",)))
        aligned = dict(zip(texts, tokenizer.align(texts), strict=True))
        questions = tokenizer.numbers([record.question for record in records])
        examples: list[Example] = []
        for number, (record, question) in enumerate(zip(records, questions, strict=True)):
            asked = question[: self.question_length]
            spans = answer_spans(record, aligned)
            self.noted["missing"] += bool(record.answers) and not spans
            for passage, text in enumerate(record.passages or ("",)):
                tokens = aligned[text].numbers
                _, shared = shared_runs(asked, tokens, self.match, unknown)
                mine = [span for span in spans if span.passage == passage]
                for window in cut_windows(tokens, shared, mine, self.max_length, self.overlap, end):
                    place = {"question": np.append(asked, end), "passage": passage, "record": number}
                    examples.append({**window, **place})
        return examples

    def forward(self, batch: Batch) -> Read:
        """(B, Q) questions and (B, N) passages to marks."""
        if self.training and self.crop:
            batch = cropped(batch, self.max_length - 1, self.crop)
        question = batch["question"]
        asked = Inputs(question, question == self.encoder.tokenizer.padding_id)
        passage = Inputs(batch["tokens"], batch.get("padding_mask"))
        return Read(self.reader(self.encoder, asked, passage, batch["shared"]), batch)

    def network(self, batch: Batch) -> dict[str, Tensor]:
        """Logarithms of the probabilities of `starts` and `ends`."""
        return self(batch).marks._asdict()  # type: ignore[no-any-return]

    def loss(self, outputs: Read, batch: Batch) -> Loss:
        """Focal loss of all starts and ends, summed over the windows."""
        marks, read = outputs
        real = torch.arange(read["tokens"].size(1), device=read["count"].device) < read["count"].unsqueeze(1)
        total = sum(
            focal_loss(log_probability, read[name], self.gamma, self.alpha)[real].sum()
            for name, log_probability in (("starts", marks.starts), ("ends", marks.ends))
        )
        assert isinstance(total, Tensor)
        return Loss(total, torch.tensor(float(len(real)), device=total.device))

    def predict(self, outputs: Read, batch: Batch) -> list[Prediction]:
        """The candidates of each window, in tokens of its passage."""
        found = candidates(outputs.marks, outputs.batch["count"], self.max_answer_length, self.threshold)
        places = zip(found, batch["passage"].tolist(), batch["offset"].tolist(), strict=True)
        return [
            {"spans": [Candidate(score, passage, first + offset, last + offset) for score, first, last in spans]}
            for spans, passage, offset in places
        ]

    def join(self, predictions: Sequence[Prediction], record: SpanQuestion) -> Prediction:
        """The wording that the passages vote for as `answers`, with the place where it is likeliest; or none."""
        spans = [span for prediction in predictions for span in prediction["spans"]]
        numbers = sorted({span.passage for span in spans})
        aligned = self.encoder.tokenizer.align([record.passages[number] for number in numbers])
        characters = dict(zip(numbers, aligned, strict=True))
        found = answers_of(spans, record.passages, characters, self.n_best, self.support)
        return {"answers": found[:1], **({"n_best": found} if self.n_best > 1 else {})}

    def score(self, predictions: Sequence[Prediction], records: Sequence[SpanQuestion]) -> Scores:
        """Accuracy, F1 and their mean as SogouQA measures them; exact match and F1 as `reading_comprehension` does."""
        return score_answers(predictions, records)
