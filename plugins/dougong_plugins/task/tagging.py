"""Task: named entities."""

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong.contracts.drawing import Drawing
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Prediction, Scores
from dougong.data.records import TaggedText
from dougong.errors import UserError
from dougong.metrics.entities import entity_scores, type_confusion
from dougong.metrics.wrong import wrong_table
from dougong_plugins.task.typed_spans.task import SpanTask

Entity = tuple[str, int, int]


@register("task", "tagging")
class Tagging(SpanTask):
    """Named entities; their types are those of the training split. Each is an exact slice of the text.

    Args:
        max_length: tokens of a window, the two special ones included; longer texts are cut into several.
        overlap: tokens that a window has in common with the one before. What no window holds whole is put together
            from its parts, as long as they overlap.
        decoder: "crf" tags tokens by a conditional random field in which only whole entities exist; "softmax" tags
            each token by itself; "pointer" finds starts and ends (arXiv 1910.11476), also of entities that overlap or
            lie within each other, of which the others keep the first and longest.
        scheme: how tags mark entities, whatever the data has; "pointer" has no tags.
        dropout: probability that a number of the states is zeroed in training.
    """

    # Said here, not by what it inherits from, so that reading the file tells.
    accepts: ClassVar = TaggedText
    main_metric: ClassVar = "f1"
    needs: ClassVar = frozenset()
    streams: ClassVar = False
    takes_shards: ClassVar = True
    supports: ClassVar = frozenset()
    sought: ClassVar = "entities"

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
        overlap: Annotated[int, Ge(0)] = 32,
        decoder: Literal["crf", "softmax", "pointer"] = "crf",
        scheme: Literal["BIO", "BIOES"] = "BIO",
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        super().__init__(encoder, facts["types"], max_length, overlap, decoder, scheme, dropout)

    @classmethod
    def study(cls, records: Iterable[TaggedText]) -> Facts:
        """The entity types.

        Raises:
            UserError: there is none.
        """
        types = sorted({entity.type for record in records for entity in record.entities})
        if not types:
            raise UserError("task=tagging needs entities; the training split has none.")
        return {"types": types}

    def problem(self, record: TaggedText) -> str | None:
        """A type that training never saw, or an entity that is not where it is said to be."""
        types = self.tags.types
        for entity in record.entities:
            span = entity.span
            if entity.type not in self._numbers:
                shown = ", ".join(types[:20]) + (", ..." if len(types) > 20 else "")
                return f"the entity type is {entity.type!r}; expected one of: {shown}."
            if not span.text or record.text[span.start : span.end] != span.text:
                return f"the entity {span.text!r} is not at [{span.start}, {span.end}) of the text."
        return None

    def spans(self, record: TaggedText) -> list[tuple[str, int, int]]:
        """The entities of known types."""
        return [
            (entity.type, entity.span.start, entity.span.end)
            for entity in record.entities
            if entity.type in self._numbers
        ]

    def join(self, predictions: Sequence[Prediction], record: TaggedText) -> Prediction:
        """The entities of a text."""
        return {
            "entities": [
                {"type": name, "span": {"text": record.text[start:end], "start": start, "end": end}}
                for name, start, end in self.found(predictions)
            ]
        }

    def score(self, predictions: Sequence[Prediction], records: Sequence[TaggedText]) -> Scores:
        """Precision, recall and F1 of entities with exact ends and type, type by type, and what went wrong."""
        expected, predicted = _expected(records), _predicted(predictions)
        scores = entity_scores(zip(expected, predicted, strict=True))
        wrong = (
            (record.text, _readable(wanted, record.text), _readable(given, record.text))
            for record, wanted, given in zip(records, expected, predicted, strict=True)
            if wanted != given
        )
        return Scores(scores.metrics(), {"types": scores.table(), "wrong": wrong_table(wrong)})

    def drawings(self, predictions: Sequence[Prediction], records: Sequence[TaggedText]) -> dict[str, Drawing]:
        """A confusion matrix of the types of entities, and of what is none, where the ends agree."""
        return {"confusion_matrix": type_confusion(zip(_expected(records), _predicted(predictions), strict=True))}


def _expected(records: Sequence[TaggedText]) -> list[set[Entity]]:
    return [{(item.type, item.span.start, item.span.end) for item in record.entities} for record in records]


def _predicted(predictions: Sequence[Prediction]) -> list[set[Entity]]:
    return [
        {(item["type"], item["span"]["start"], item["span"]["end"]) for item in prediction["entities"]}
        for prediction in predictions
    ]


def _readable(entities: Iterable[tuple[str, int, int]], text: str) -> list[str]:
    ordered = sorted(entities, key=lambda item: (item[1], item[2], item[0]))
    return [f"{name} {text[start:end]} [{start}, {end})" for name, start, end in ordered]
