"""The decorator that makes a class a plugin."""

import sys
from collections.abc import Callable
from typing import TypeVar

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS

Class = TypeVar("Class", bound=type)

registered: dict[tuple[str, str], type] = {}


def register(kind: str, name: str) -> Callable[[Class], Class]:
    """Make a class the plugin `name` of `kind`: `@register("attention", "local")`.

    Raises:
        UserError: there is no such kind, the name is not an identifier, or another class bears it.
    """
    if kind not in KINDS:
        raise UserError(f"@register({kind!r}, {name!r}): there is no such kind. {suggestion(kind, KINDS, 'Kinds')}")
    if not name.isidentifier():
        raise UserError(f"@register({kind!r}, {name!r}): a plugin's name is made of letters, digits and underscores.")

    def remember(plugin: Class) -> Class:
        other = registered.get((kind, name))
        if other is not None and where(other) != where(plugin):
            raise UserError(f"two plugins are called {kind}/{name}: {where(other)} and {where(plugin)}; rename one.")
        registered[kind, name] = plugin
        return plugin

    return remember


def where(plugin: type) -> str:
    """File and class name of a plugin; a class that is defined again in a notebook is the same one."""
    return (
        f"{getattr(sys.modules.get(plugin.__module__), '__file__', None) or plugin.__module__} ({plugin.__qualname__})"
    )
