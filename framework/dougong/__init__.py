"""Dougong: a plugin-based training framework for language models and language tasks.

`import dougong` imports no torch; each name loads what it needs when it is used.
"""

from typing import TYPE_CHECKING, Any

from dougong.registry.decorator import register

if TYPE_CHECKING:
    from dougong.api import create, evaluate, load, plugins, train
    from dougong.errors import UserError
    from dougong.registry.types import Default, PerLayer

__version__ = "0.1.0"

__all__ = ["Default", "PerLayer", "UserError", "create", "evaluate", "load", "plugins", "register", "train"]

_HOMES = {
    "create": "dougong.api",
    "evaluate": "dougong.api",
    "load": "dougong.api",
    "plugins": "dougong.api",
    "train": "dougong.api",
    "Default": "dougong.registry.types",
    "PerLayer": "dougong.registry.types",
    "UserError": "dougong.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dougong' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
