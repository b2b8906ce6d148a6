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
    "onnx": ("the network for ONNX Runtime and others, with its tokenizer", "dougong.export.onnx_file"),
    "safetensors": ("weights, configuration and tokenizer apart; `checkpoint=` takes it too", "dougong.export.weights"),
    "torch": ("the network as a program of torch.export, with its tokenizer", "dougong.export.torch_program"),
}
"""What each is, and the module whose `export(model, folder)` writes it and returns lines for the user."""

QUANTIZED = {"onnx": ("int8",)}
"""The formats whose `export` takes `quantize`, with the values of it."""


def check_format(name: str, quantize: str | None = None) -> None:
    """Whether there is such a format, and it can be quantised so.

    Raises:
        UserError: there is not, or it can't.
    """
    if name not in FORMATS:
        raise UserError(f"to: there is no format {name}. {suggestion(name, FORMATS)}")
    known = QUANTIZED.get(name, ())
    if quantize is not None and not known:
        raise UserError(f"quantize: goes with to={' and to='.join(QUANTIZED)}, not with to={name}.")
    if quantize is not None and quantize not in known:
        raise UserError(f"quantize: must be {' or '.join(known)}, got {quantize!r}.")


def check_folder(folder: Path) -> None:
    """Whether a folder is new or empty.

    Raises:
        UserError: it is not.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"output: {folder} is there already; name a folder that is new or empty.")


def export(model: "Model", to: str, folder: Path, quantize: str | None = None) -> list[str]:
    """Write a model to a folder that is new or empty; lines for the user.

    Args:
        quantize: "int8" for weights in 8 bits, where the format has such.

    Raises:
        UserError: there is no such format, the folder holds something, or the model can't be said in that format.
    """
    check_format(to, quantize)
    check_folder(folder)
    write: Callable[..., list[str]] = import_module(FORMATS[to][1]).export
    return write(model, folder) if quantize is None else write(model, folder, quantize)
