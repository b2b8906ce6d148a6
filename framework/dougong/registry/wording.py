"""Types and bounds of settings, in words."""

import enum
import types
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

from dougong.registry.signature import strip

# attribute of the annotation -> its sign, and whether a value keeps to it
BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "ge": (">=", lambda value, bound: value >= bound),
    "gt": (">", lambda value, bound: value > bound),
    "le": ("<=", lambda value, bound: value <= bound),
    "lt": ("<", lambda value, bound: value < bound),
    "min_length": ("longer than or as long as", lambda value, bound: len(value) >= bound),
    "max_length": ("no longer than", lambda value, bound: len(value) <= bound),
}


def describe_type(annotation: Any) -> str:
    """A setting's type in words: `whole number >= 1`."""
    inner, extras = strip(annotation)
    bounds = [
        f" {sign} {getattr(bound, name)}"
        for bound in extras
        for name, (sign, _) in BOUNDS.items()
        if getattr(bound, name, None) is not None
    ]
    return _describe(inner) + ",".join(bounds)


def _describe(annotation: Any) -> str:
    names = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "null", Any: "any"}
    if annotation in names:
        return names[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " | ".join(describe_type(member) for member in arguments)
    if origin in (list, tuple):
        return f"list of {describe_type(arguments[0])}" if arguments else "list"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return " | ".join(member.name for member in annotation)
    return getattr(annotation, "__name__", str(annotation))
