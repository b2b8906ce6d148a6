"""Task: relations."""

# Shapes: B batch, N length of the tokens between the special ones, D hidden dimension, R labels, T triples.

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from dougong import register
from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Batch, Example, Facts, Loss, Prediction, Scores, Task
from dougong.contracts.tokenizer import END, START
from dougong.data.records import RelationText
from dougong.errors import UserError
from dougong.metrics.triples import Wording, comparable, triple_scores
from dougong.metrics.wrong import wrong_table
from dougong.nn.dropout import Dropout
from dougong_plugins.task.relations.assembly import Found, Place, Whole, assemble
from dougong_plugins.task.relations.examples import Label, Labelling, draw, parts_of
from dougong_plugins.task.relations.head import Objects, RelationHead


class Read(NamedTuple):
    """What the network makes of a batch: (B, N, D) states, and (B, N, 2) logits of where subjects start and end."""

    states: Tensor
    subjects: Tensor


@register("task", "relation_extraction")
class RelationExtraction(Task):
    """Triples of subject, relation and object, by "half pointer, half tagging" (kexue.fm/archives/7161 and 7321).

    Starts and ends of subjects are decided token by token; then those of the objects of one subject, for every relation
    and every slot of a complex object, from states that the subject has conditioned. What is found is an exact slice of
    the text.

    Args:
        max_length: tokens of a window, the two special ones included; longer texts are cut into several.
        overlap: tokens that a window has in common with the one before; a triple is found where it lies in one window.
        all_mentions: in training, label an entity wherever its wording stands, not only where the data says that it is
            (in one place, where the data says its wording alone).
        start_threshold: the least probability of a start; greater than that of an end, as published.
        end_threshold: the least probability of an end.
        nested: as published, a start goes with the nearest end even if there is another start before it; so a subject
            (or an object of one subject and relation) may end as another does that lies within it. Precision is lower.
        match: two triples are the same as DuIE's official scorer has it ("exact"), or where the first words of subject
            and object are ("partial", as CasRel).
        dropout: probability that a number of the states is zeroed in training.
    """

    accepts: ClassVar = RelationText
    main_metric: ClassVar = "f1"
    higher_is_better: ClassVar = True

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
        overlap: Annotated[int, Ge(0)] = 32,
        all_mentions: bool = False,
        start_threshold: Annotated[float, Gt(0), Lt(1)] = 0.6,
        end_threshold: Annotated[float, Gt(0), Lt(1)] = 0.5,
        nested: bool = False,
        match: Literal["exact", "partial"] = "exact",
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__()
        if encoder.max_length is not None and max_length > encoder.max_length:
            raise ValueError(f"max_length: must be <= embedding.max_length={encoder.max_length}, got {max_length}.")
        if overlap >= max_length - 2:
            raise ValueError(f"overlap: must be < max_length - 2 = {max_length - 2}, got {overlap}.")
        self.encoder = encoder
        self.labels: list[Label] = [(predicate, slot) for predicate, slot in facts["labels"]]
        self.room, self.overlap = max_length - 2, overlap
        self.match = match
        self.labelling = Labelling(self.labels, all_mentions, self.noted)
        self.dropout = Dropout(dropout)
        self.head = RelationHead(encoder.dim, len(self.labels), start_threshold, end_threshold, nested)

    @classmethod
    def study(cls, records: Iterable[RelationText]) -> Facts:
        """The relations, each with its slots; the slot "" is that of the object itself.

        Raises:
            UserError: there is none.
        """
        labels = sorted({label for record in records for label, _, _ in parts_of(record)})
        if not labels:
            raise UserError("task=relation_extraction needs triples; the training split has none.")
        return {"labels": [list(label) for label in labels]}

    def problem(self, record: RelationText) -> str | None:
        """An entity that is not where it is said to be."""
        for (predicate, _), *spans in parts_of(record):
            for span in spans:
                if not span.text or record.text[span.start : span.end] != span.text:
                    return f"{span.text!r} of {predicate!r} is not at [{span.start}, {span.end}) of the text."
        return None

    def remarks(self) -> list[str]:
        """How many objects can't be found, and why."""
        return self.labelling.remarks()

    def encode(self, records: Sequence[RelationText]) -> list[Example]:
        """Windows, each with its tokens, where they lie in the text, and the triples in it."""
        tokenizer = self.encoder.tokenizer
        start, end = tokenizer.identity(START), tokenizer.identity(END)
        examples = []
        for number, aligned in enumerate(tokenizer.align([record.text for record in records])):
            for window in self.labelling.cut(records[number], aligned, self.room, self.overlap):
                tokens = np.concatenate([[start], window.pop("numbers"), [end]])
                triples = window.pop("triples").reshape(-1)
                examples.append({"tokens": tokens, "record": number, **window, "triples": triples})
        return examples

    def vary(self, example: Example, random: np.random.Generator) -> Example:
        """Draw one of the subjects."""
        kept = {name: values for name, values in example.items() if name != "triples"}
        return {**kept, **draw(example["triples"].reshape(-1, 5), random)}

    def padding_values(self) -> dict[str, int]:
        """No span is -1."""
        return {**super().padding_values(), "triples": -1, "subjects": -1, "objects": -1}

    def forward(self, batch: Batch) -> Read:
        """States of the tokens between the special ones, and where subjects are."""
        states = self.encoder(Inputs(batch["tokens"], batch.get("padding_mask")))[:, 1:-1]
        states = self.dropout(states)
        return Read(states, self.head.subjects(states))

    def later_networks(self, found: dict[str, Tensor]) -> dict[str, tuple[nn.Module, dict[str, Tensor]]]:
        """The objects of subjects, once it is decided which tokens these are."""
        count = len(found["states"])
        text, first = torch.arange(count + 1) % count, torch.zeros(count + 1, dtype=torch.long)
        subjects = torch.stack([text, first, first + 1], 1)
        return {"objects": (Objects(self.head), {"states": found["states"], "spans": subjects})}

    def loss(self, outputs: Read, batch: Batch) -> Loss:
        """Binary cross entropy of all subjects' boundaries and of those of one subject's objects, a sum over tokens."""
        subjects = _rows(batch["subjects"], 2)
        targets = torch.zeros(outputs.subjects.shape, dtype=torch.bool, device=outputs.subjects.device)
        targets[subjects[:, 0], subjects[:, 1], 0] = targets[subjects[:, 0], subjects[:, 2], 1] = True
        objects = _rows(batch["objects"], 3)
        losses = self.head.loss(*outputs, targets, batch["subject"].long(), objects)
        padding_mask = _padding(batch)
        kept = torch.ones_like(losses, dtype=torch.bool) if padding_mask is None else ~padding_mask
        return Loss(losses[kept].sum(), kept.sum().to(losses.dtype))

    def predict(self, outputs: Read, batch: Batch) -> list[Prediction]:
        """What each window found, in characters: label, subject and object."""
        found = self.head.decode(*outputs, _padding(batch))
        text, label, first, last, begin, end = found.unbind(-1)
        starts, ends = batch["starts"], batch["ends"]
        places = (starts[text, first], ends[text, last], starts[text, begin], ends[text, end])
        answers: list[Prediction] = [{"found": []} for _ in range(len(outputs.states))]
        for number, *row in torch.stack([text, label, *places], -1).tolist():
            answers[number]["found"].append(row)
        return answers

    def join(self, predictions: Sequence[Prediction], record: RelationText) -> Prediction:
        """The triples of a text."""
        rows = {tuple(row) for prediction in predictions for row in prediction["found"]}
        # A token may stand for no character.
        found = [Found(self.labels[row[0]], row[1:3], row[3:]) for row in rows if row[1] < row[2] and row[3] < row[4]]
        return {"triples": [_plain(triple, record.text) for triple in assemble(found)]}

    def score(self, predictions: Sequence[Prediction], records: Sequence[RelationText]) -> Scores:
        """Precision, recall and F1 of triples, relation by relation, and what went wrong."""
        expected = [[_expected(triple) for triple in record.triples] for record in records]
        predicted = [[_predicted(triple) for triple in prediction["triples"]] for prediction in predictions]
        scores = triple_scores(zip(expected, predicted, strict=True), self.match)
        header, *rows = scores.table()
        wrong = (
            (record.text, map(str, wanted), map(str, given))
            for record, wanted, given in zip(records, expected, predicted, strict=True)
            if self._compared(wanted) != self._compared(given)
        )
        return Scores(scores.metrics(), {"relations": [["relation", *header[1:]], *rows], "wrong": wrong_table(wrong)})

    def _compared(self, triples: Iterable[Wording]) -> set[Wording]:
        return {comparable(triple, self.match) for triple in triples}


def _padding(batch: Batch) -> Tensor | None:
    """(B, N) of the tokens between the special ones; the last token of a text is the second special one."""
    mask = batch.get("padding_mask")
    return None if mask is None else mask[:, 2:]


def _rows(column: Tensor, width: int) -> Tensor:
    """(B, S * width) lists, filled up with -1, to rows of a text's number and `width` values."""
    rows = column.long().reshape(len(column), column.size(1) // width, width)
    text, place = (rows[..., 0] >= 0).nonzero(as_tuple=True)
    return torch.cat([text.unsqueeze(1), rows[text, place]], 1)


def _plain(triple: Whole, text: str) -> dict[str, Any]:
    def span(place: Place) -> dict[str, Any]:
        start, end = place
        return {"text": text[start:end], "start": start, "end": end}

    slots = [[name, span(place)] for name, place in triple.slots]
    return {
        "subject": span(triple.subject),
        "predicate": triple.predicate,
        "object": span(triple.object),
        "slots": slots,
    }


def _expected(triple: Any) -> Wording:
    slots = tuple((name, span.text) for name, span in triple.slots)
    return Wording(triple.subject.text, triple.predicate, triple.object.text, slots)


def _predicted(triple: Mapping[str, Any]) -> Wording:
    slots = tuple((name, span["text"]) for name, span in triple["slots"])
    return Wording(triple["subject"]["text"], triple["predicate"], triple["object"]["text"], slots)
