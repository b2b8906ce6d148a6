"""The decorator that makes a class a plugin."""

from collections.abc import Callable
from typing import TypeVar

Class = TypeVar("Class", bound=type)

registered: dict[tuple[str, str], type] = {}


def register(kind: str, name: str) -> Callable[[Class], Class]:
    """Make a class the plugin `name` of `kind`: `@register("attention", "local")`."""

    def remember(plugin: Class) -> Class:
        registered[kind, name] = plugin
        return plugin

    return remember
