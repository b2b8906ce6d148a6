"""Composes a text from facts and remembers where everything that they state lies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dougong.data.records import Argument, Entity, Event, Span, Triple
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.facts import Fact, Filler, Form


@dataclass(frozen=True)
class Scene:
    """A text and, as exact slices of it, all that it states; `sentences` are the facts told one after another."""

    text: str
    sentences: tuple[Span, ...]
    entities: tuple[Entity, ...]
    triples: tuple[Triple, ...]
    events: tuple[Event, ...]
    opinions: tuple[Event, ...]


class Composer:
    """Writes facts one after another into one text."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._pieces: list[str] = []
        self._length = 0
        self._sentences: list[Span] = []
        self._entities: list[Entity] = []
        self._triples: list[Triple] = []
        self._events: list[Event] = []
        self._opinions: list[Event] = []

    def tell(self, fact: Fact) -> None:
        """Write one fact after what was told so far, in one of its wordings."""
        self._sentences.append(self._write(fact))

    def scene(self) -> Scene:
        """What was written, with all that was recorded."""
        return Scene(
            text="".join(self._pieces),
            sentences=tuple(self._sentences),
            entities=tuple(self._entities),
            triples=tuple(self._triples),
            events=tuple(self._events),
            opinions=tuple(self._opinions),
        )

    def _write(self, fact: Fact) -> Span:
        start, first_piece = self._length, len(self._pieces)
        spans: dict[str, Span] = {}
        for slot, literal in _pieces(self._dice.one_of(fact.form.wordings)):
            if slot:
                # Where a wording names a slot twice, what is stated is about its first mention.
                spans.setdefault(slot, self._fill(fact.fillers[slot]))
            if literal:
                self._append(literal)
        self._record(fact.form, spans)
        return Span("".join(self._pieces[first_piece:]), start, self._length)

    def _fill(self, filler: Filler) -> Span:
        if isinstance(filler, Fact):
            return self._write(filler)
        if isinstance(filler, str):
            return self._append(filler)
        span = self._append(filler.name)
        self._entities.append(Entity(filler.kind, span))
        return span

    def _append(self, text: str) -> Span:
        start, self._length = self._length, self._length + len(text)
        self._pieces.append(text)
        return Span(text, start, self._length)

    def _record(self, form: Form, spans: Mapping[str, Span]) -> None:
        for subject, predicate, object_ in form.triples:
            if subject in spans and object_ in spans:
                self._triples.append(Triple(spans[subject], predicate, spans[object_]))
        if form.event:
            arguments = tuple(Argument(role, spans[slot]) for slot, role in form.roles.items() if slot in spans)
            event = Event(form.event, spans["trigger"], arguments)
            (self._opinions if form.opinion else self._events).append(event)


def _pieces(wording: str) -> Iterator[tuple[str, str]]:
    """The (slot, literal after it) pairs of a wording, the first with no slot."""
    first, *rest = wording.split("{")
    yield "", first
    for piece in rest:
        slot, _, literal = piece.partition("}")
        yield slot, literal
