"""What there is and what holds: things that texts name, and facts with the forms in which they are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Union

Filler: TypeAlias = Union[str, "Thing", "Fact"]


@dataclass(frozen=True)
class Thing:
    """Something that texts name; `kind` is its entity type."""

    name: str
    kind: str


@dataclass(frozen=True)
class Form:
    """A way that facts can be told: wordings with `{slots}`, and what is stated between the slots.

    `triples` are (subject slot, predicate, object slot). Where `event` names a type, the slot `trigger` holds the word
    for it and `roles` gives the role of a slot; `opinion` says that the event is a judgement, not something that
    happened. A slot that a wording leaves out states nothing there.
    """

    wordings: tuple[str, ...]
    triples: tuple[tuple[str, str, str], ...] = ()
    event: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    opinion: bool = False


@dataclass(frozen=True)
class Fact:
    """Something that holds in the world: a form and what fills its slots, other facts among them."""

    form: Form
    fillers: Mapping[str, Filler]
