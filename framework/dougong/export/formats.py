"""The formats that a model can be exported to; what writes one is imported when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dougong.errors import UserError, suggestion

if TYPE_CHECKING:
    from dougong.inference.model import Model

FORMATS = {
    "dougong": (
        "a checkpoint without the state of its training, updates of low rank added up",
        "dougong.export.checkpoint",
    ),
    "huggingface": ("a folder that Transformers reads: the encoder and its tokenizer", "dougong.export.hugging_face"),
}
"""What each is, and the module whose `export(model, folder)` writes it and returns lines for the user."""


def check_format(name: str) -> None:
    """Whether there is such a format.

    Raises:
        UserError: there is not.
    """
    if name not in FORMATS:
        raise UserError(f"to: there is no format {name}. {suggestion(name, FORMATS)}")


def export(model: "Model", to: str, folder: Path) -> list[str]:
    """Write a model to a folder that is new or empty; lines for the user.

    Raises:
        UserError: there is no such format, the folder holds something, or the model can't be said in that format.
    """
    check_format(to)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"output: {folder} is there already; name a folder that is new or empty.")
    write: Callable[[Model, Path], list[str]] = import_module(FORMATS[to][1]).export
    return write(model, folder)
