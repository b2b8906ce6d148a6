"""Task: events and who or what takes part in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Prediction, Scores
from dougong.data.mentions import mentions
from dougong.data.records import EventText
from dougong.errors import UserError, suggestion
from dougong.metrics.arguments import Role, argument_scores, matched
from dougong.metrics.wrong import wrong_table
from dougong_plugins.task.typed_spans.task import SpanTask


@register("task", "event_extraction")
class EventExtraction(SpanTask):
    """Events by their arguments: a label for each role of each event type (https://kexue.fm/archives/7321).

    The roles are those of the training split. Triggers are not looked for, and the arguments of one type make one
    event of a text, which the DuEE competition scores alike. Each argument is an exact slice of the text.

    Args:
        max_length: tokens of a window, the two special ones included; longer texts are cut into several.
        overlap: tokens that a window has in common with the one before. What no window holds whole is put together
            from its parts, as long as they overlap.
        decoder: "crf" tags tokens, each for one role, by a conditional random field in which only whole arguments
            exist; "pointer" finds starts and ends of each role, also of arguments that overlap or play several roles,
            of which the tags keep one.
        all_mentions: whether each mention of an argument is one, not only that at the place that the data gives.
        dropout: probability that a number of the states is zeroed in training.
    """

    # Said here, not by what it inherits from, so that reading the file tells.
    accepts: ClassVar = EventText
    main_metric: ClassVar = "f1"
    needs: ClassVar = frozenset()
    streams: ClassVar = False
    takes_shards: ClassVar = True
    supports: ClassVar = frozenset()
    sought: ClassVar = "arguments"

    def __init__(
        self,
        encoder: Encoder,
        facts: Facts,
        max_length: Annotated[int, Ge(3)] = 128,
        overlap: Annotated[int, Ge(0)] = 32,
        decoder: Literal["crf", "pointer"] = "crf",
        all_mentions: bool = False,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.1,
    ) -> None:
        # A number is a name that no event type or role can upset.
        types = [str(number) for number in range(len(facts["roles"]))]
        super().__init__(encoder, types, max_length, overlap, decoder, "BIO", dropout)
        self.all_mentions = all_mentions
        self.roles: list[Role] = [(event, role) for event, role in facts["roles"]]
        self._types = dict(zip(self.roles, types, strict=True))

    @classmethod
    def study(cls, records: Iterable[EventText]) -> Facts:
        """The roles of each event type.

        Raises:
            UserError: there is none.
        """
        roles = {
            (event.type, argument.role) for record in records for event in record.events for argument in event.arguments
        }
        if not roles:
            raise UserError("task=event_extraction needs arguments of events; the training split has none.")
        return {"roles": [list(role) for role in sorted(roles)]}

    def problem(self, record: EventText) -> str | None:
        """A role that training never saw, or an argument that is not where it is said to be."""
        for event in record.events:
            for argument in event.arguments:
                span = argument.span
                if (event.type, argument.role) not in self._types:
                    return self._unknown(event.type, argument.role)
                if not span.text or record.text[span.start : span.end] != span.text:
                    return f"the argument {span.text!r} is not at [{span.start}, {span.end}) of the text."
        return None

    def spans(self, record: EventText) -> list[tuple[str, int, int]]:
        """The arguments that play known roles, each once."""
        return sorted(
            {
                (self._types[event.type, argument.role], start, end)
                for event in record.events
                for argument in event.arguments
                if (event.type, argument.role) in self._types
                for start, end in self._places(record, argument.span)
            }
        )

    def join(self, predictions: Sequence[Prediction], record: EventText) -> Prediction:
        """The events of a text, one of a type, in the order in which they are first spoken of."""
        events: dict[str, list[dict[str, Any]]] = {}
        for name, start, end in self.found(predictions):
            event, role = self.roles[int(name)]
            span = {"text": record.text[start:end], "start": start, "end": end}
            events.setdefault(event, []).append({"role": role, "span": span})
        return {"events": [{"type": event, "arguments": arguments} for event, arguments in events.items()]}

    def score(self, predictions: Sequence[Prediction], records: Sequence[EventText]) -> Scores:
        """Precision, recall and F1 of arguments by the characters in common with the true ones, and what went wrong."""
        expected, predicted = [_expected(record) for record in records], [_predicted(item) for item in predictions]
        scores = argument_scores(zip(expected, predicted, strict=True))
        wrong = (
            (record.text, _readable(_first_wordings(wanted)), _readable(given))
            for record, wanted, given in zip(records, expected, predicted, strict=True)
            if matched(wanted, given).f1 < 1 and (wanted or given)
        )
        return Scores(scores.metrics(), {"roles": scores.table(), "wrong": wrong_table(wrong)})

    def _places(self, record: EventText, span: Any) -> Iterable[tuple[int, int]]:
        return mentions(record.text, span) if self.all_mentions else [(span.start, span.end)]

    def _unknown(self, event: str, role: str) -> str:
        roles = [name for kind, name in self.roles if kind == event]
        if not roles:
            known = suggestion(event, {kind for kind, _ in self.roles}, "Types there")
            return f"the event type {event!r} is not in the training split. {known}"
        return f"the role {role!r} of {event!r} is not in the training split. {suggestion(role, roles, 'Roles there')}"


def _expected(record: EventText) -> dict[Role, list[tuple[str, ...]]]:
    """All wordings of each argument, by role."""
    found: dict[Role, list[tuple[str, ...]]] = {}
    for event in record.events:
        for argument in event.arguments:
            found.setdefault((event.type, argument.role), []).append((argument.span.text, *argument.aliases))
    return found


def _predicted(prediction: Prediction) -> dict[Role, list[str]]:
    """The wordings of the arguments, by role."""
    found: dict[Role, list[str]] = {}
    for event in prediction["events"]:
        for argument in event["arguments"]:
            found.setdefault((event["type"], argument["role"]), []).append(argument["span"]["text"])
    return found


def _first_wordings(expected: Mapping[Role, Iterable[tuple[str, ...]]]) -> dict[Role, list[str]]:
    return {role: [wordings[0] for wordings in arguments] for role, arguments in expected.items()}


def _readable(arguments: Mapping[Role, Iterable[str]]) -> list[str]:
    return [
        f"{event} {role} {wording}"
        for (event, role), wordings in sorted(arguments.items())
        for wording in dict.fromkeys(wordings)
    ]
