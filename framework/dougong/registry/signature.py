"""What a constructor takes: settings, which the user gives, and slots, which other plugins fill."""

import inspect
import re
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from dougong.kinds import KIND_OF_BASE, KINDS
from dougong.registry.types import Default, PerLayer

REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Setting:
    """A value that the user may give. `type` is the annotation as written, bounds included."""

    name: str
    type: Any
    default: Any = REQUIRED
    help: str = ""


@dataclass(frozen=True)
class Slot:
    """A place for a plugin of `kind`. `default` is the choice of the constructor, None where it leaves it open."""

    name: str
    kind: str
    default: str | None = None
    per_layer: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Signature:
    """Settings and slots of one constructor, in its order."""

    settings: tuple[Setting, ...] = ()
    slots: tuple[Slot, ...] = ()

    def setting(self, name: str) -> Setting | None:
        """The setting of that name, if there is one."""
        return next((setting for setting in self.settings if setting.name == name), None)


def strip(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without its `Annotated`, and what that carried."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        return inner, tuple(extras)
    return annotation, ()


def kind_of(annotation: Any) -> str | None:
    """The kind whose base class this annotation is, by a marker or by the real class."""
    if not isinstance(annotation, type):
        return None
    marked: str | None = annotation.__dict__.get("__dougong_kind__")
    if marked:
        return marked
    kind = KIND_OF_BASE.get(annotation.__name__)
    return kind if kind and KINDS[kind].base.partition(":")[0] in annotation.__module__ else None


def as_slot(name: str, annotation: Any, default: Any = REQUIRED) -> Slot | None:
    """The slot that a parameter is, or None where it is a setting."""
    inner, extras = strip(annotation)
    choice = next((extra.choice for extra in extras if isinstance(extra, Default)), None)
    members = get_args(inner) if get_origin(inner) in (Union, types.UnionType) else (inner,)
    optional = type(None) in members
    for member in members:
        per_layer = get_origin(member) is PerLayer
        kind = kind_of(get_args(member)[0] if per_layer else member)
        if kind:
            return Slot(name, kind, choice, per_layer, optional and default is None)
    return None


def describe(parameters: Iterable[tuple[str, Any, Any]], supplied: tuple[str, ...], doc: str) -> Signature:
    """Sort (name, annotation, default) into settings and slots; what the framework supplies is left out."""
    helps = argument_help(doc)
    settings, slots = [], []
    for name, annotation, default in parameters:
        if name in supplied:
            continue
        slot = as_slot(name, annotation, default)
        if slot:
            slots.append(slot)
        else:
            settings.append(Setting(name, annotation, default, helps.get(name, "")))
    return Signature(tuple(settings), tuple(slots))


def argument_help(doc: str) -> dict[str, str]:
    """The lines of a docstring's `Args:` section, by argument."""
    _, found, section = doc.partition("Args:\n")
    helps: dict[str, str] = {}
    if not found:
        return helps
    names: list[str] = []
    indent = len(section) - len(section.lstrip(" "))
    for line in section.splitlines():
        depth = len(line) - len(line.lstrip(" "))
        if line.strip() and depth < indent:
            break
        entry = re.match(r"([\w, ]+): (.*)", line.strip()) if depth == indent else None
        if entry:
            names = [name.strip() for name in entry[1].split(",")]
            helps.update(dict.fromkeys(names, entry[2].strip()))
        elif line.strip():
            for name in names:
                helps[name] += " " + line.strip()
    return helps
