"""Which relations there are, between what, as DuIE publishes it: one JSON object a line."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from dougong.data.files import DataFile
from dougong.data.json_rows import BadRowError, text_of
from dougong.data.split_files import json_lines
from dougong.errors import UserError, nearest

OBJECT = "@value"
"""The slot of the object itself."""

SHOWN = 20
"""Relations that a message lists at most."""


@dataclass(frozen=True)
class Relation:
    """Types of a relation's subject and, by slot, of its objects; `plain` where these are no objects of JSON."""

    subject: str
    objects: Mapping[str, str]
    plain: bool


@dataclass(frozen=True)
class Schema:
    """Relations by predicate, of which some hold between things of several types."""

    relations: Mapping[str, list[Relation]]
    name: str

    def get(self, predicate: str, slots: Collection[str]) -> Relation | None:
        """The first relation of that name with these slots."""
        return next((kind for kind in self.relations.get(predicate, ()) if set(slots) <= kind.objects.keys()), None)

    def check(self, predicate: str, slots: Collection[str]) -> None:
        """Refuse what is not in the schema.

        Raises:
            BadRowError: there is no such relation, or it has no such slot.
        """
        if predicate not in self.relations:
            raise unknown_relation(predicate, self.relations, self.name)
        if self.get(predicate, slots) is None:
            known = list(dict.fromkeys(name for kind in self.relations[predicate] for name in kind.objects))
            there = ", ".join(known)
            raise BadRowError(f"{self.name} has no {predicate!r} with {', '.join(slots)}. Slots there: {there}.")


def unknown_relation(relation: str, known: Collection[str], name: str) -> BadRowError:
    """What to raise of a relation that a file of relations lacks."""
    near = nearest(relation, known)
    hint = f" Did you mean `{near}`?" if near else ""
    there = ", ".join(sorted(known)[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
    return BadRowError(f"the relation {relation!r} is not in {name}.{hint} Relations there: {there}.")


def read_schema(file: DataFile) -> Schema:
    """The relations of a file.

    Raises:
        UserError: a line can't be read; it names file and line.
    """
    relations: dict[str, list[Relation]] = {}
    for source, row in json_lines([file], _refuse):
        try:
            relations.setdefault(text_of(row, "predicate"), []).append(_relation(row))
        except BadRowError as problem:
            _refuse(source, str(problem))
    return Schema(relations, file.name)


def _relation(row: Mapping[str, Any]) -> Relation:
    subject, types = text_of(row, "subject_type"), row.get("object_type")
    if not isinstance(types, dict):
        return Relation(subject, {OBJECT: text_of(row, "object_type")}, plain=True)
    return Relation(subject, {slot: text_of(types, slot) for slot in dict.fromkeys((OBJECT, *types))}, plain=False)


def _refuse(source: str, reason: str) -> NoReturn:
    raise UserError(f"{source}: {reason}")
