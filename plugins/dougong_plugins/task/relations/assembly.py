"""Triples, simple and complex, from what was found of each subject: objects by predicate and slot."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dougong_plugins.task.relations.examples import Label

Place = tuple[int, int]
"""[start, end) in characters."""


class Found(NamedTuple):
    """An object of a subject."""

    label: Label
    subject: Place
    object: Place


class Whole(NamedTuple):
    """A triple; `slots` in order of their names."""

    subject: Place
    predicate: str
    object: Place
    slots: tuple[tuple[str, Place], ...]


def assemble(found: Iterable[Found]) -> list[Whole]:
    """The triples of a text, each once, in the order in which they stand in it.

    Which of several objects of one subject and predicate a slot belongs to is not among what is found. The nearest are
    put together: each object with the nearest of every slot, and what then is left of a slot with the object nearest to
    it. A slot without an object is none.
    """
    groups: dict[tuple[Place, str], dict[str, set[Place]]] = {}
    for (predicate, slot), subject, object_ in found:
        groups.setdefault((subject, predicate), {}).setdefault(slot, set()).add(object_)
    triples = [
        Whole(subject, predicate, object_, slots)
        for (subject, predicate), places in groups.items()
        for object_, slots in _joined(places)
    ]
    return sorted(triples)


def _joined(places: Mapping[str, set[Place]]) -> Iterator[tuple[Place, tuple[tuple[str, Place], ...]]]:
    objects = sorted(places.get("", ()))
    if not objects:
        return
    names = sorted(name for name in places if name)
    pairs = {name: _matched(objects, sorted(places[name])) for name in names}
    for object_ in objects:
        for chosen in itertools.product(*(pairs[name][object_] for name in names)):
            yield object_, tuple(zip(names, chosen, strict=True))


def _matched(objects: Sequence[Place], fillers: Sequence[Place]) -> dict[Place, list[Place]]:
    """Of each object, what fills the slot."""
    found = {object_: [_nearest(object_, fillers)] for object_ in objects}
    used = {filler for fillers_of in found.values() for filler in fillers_of}
    for filler in fillers:
        if filler not in used:
            found[_nearest(filler, objects)].append(filler)
    return found


def _nearest(place: Place, others: Sequence[Place]) -> Place:
    """The one with the least between them; of several, the first."""
    return min(others, key=lambda other: max(other[0] - place[1], place[0] - other[1]))
