"""Typed records, one shape for each kind of problem: readers yield them, tasks take them, predictions answer in them.

Positions are in characters (Unicode code points) of the text that they belong to, the end exclusive.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has: `source` says where it was read (`file:line`), for error messages."""

    source: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PlainText(Record):
    """A document, for language modelling, or a piece of a long one.

    `continues` says that the text goes on where the record before ended: a file that does not fit in memory is one
    document in many records.
    """

    text: str
    continues: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class LabelledText(Record):
    """A text and the one class that it belongs to; no label where it is to be predicted."""

    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class TextPair(Record):
    """Two texts and the class of what holds between them."""

    first: str
    second: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text: `text` is the slice [start, end) of the original."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer within a passage. `start` is -1 where only the wording is known."""

    text: str
    start: int = -1
    passage: int = 0


@dataclass(frozen=True, slots=True)
class SpanQuestion(Record):
    """A question, the passages that may answer it, and its reference answers.

    `accepted` are all wordings that count as right, the reference first; where there are none, those of the answers.
    """

    question: str
    passages: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    identity: str = ""
    accepted: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Triple:
    """A relation between two spans of one text, or more: `slots` are further objects by name (where a prize was won
    with which work, say), in order of their names."""

    subject: Span
    predicate: str
    object: Span
    slots: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class RelationText(Record):
    """A text and the relations that it states."""

    text: str
    triples: tuple[Triple, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """A span that plays a role in an event. `aliases` are other wordings of it, which scoring takes for right too."""

    role: str
    span: Span
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens: its type, the trigger that names it, and who and what takes part."""

    type: str
    trigger: Span
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class EventText(Record):
    """A text and the events that it reports."""

    text: str
    events: tuple[Event, ...] = ()
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A named span."""

    type: str
    span: Span


@dataclass(frozen=True, slots=True)
class TaggedText(Record):
    """A text and the entities in it."""

    text: str
    entities: tuple[Entity, ...] = ()
    identity: str = ""


@dataclass(frozen=True, slots=True)
class SourceTarget(Record):
    """A text and what it is to be turned into."""

    text: str
    target: str | None = None


def fields_of(record: Record) -> dict[str, Any]:
    """A record's fields as plain values, without where it was read and what it leaves open."""
    values = asdict(record)
    open_ = {item.name: item.default for item in fields(record)}
    return {name: value for name, value in values.items() if name != "source" and value != open_[name]}
