"""The tensors of a folder in the format of Hugging Face. Nothing in its files is executed."""

import pickle
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from dougong.errors import UserError
from dougong.pretrained.vocabulary import read_json

WHOLE = ("model.safetensors", "pytorch_model.bin")


def read_tensors(folder: Path, key: str) -> dict[str, Tensor]:
    """All tensors of `model.safetensors` or `pytorch_model.bin`, or of the pieces that either may be in.

    Raises:
        UserError: there are none, or a file is missing, damaged, or could run code.
    """
    for name in WHOLE:
        if (folder / name).is_file():
            return _read(folder / name, key)
        if (folder / f"{name}.index.json").is_file():
            return _read_pieces(folder, folder / f"{name}.index.json", key)
    raise UserError(f"{key}: {folder} has neither {' nor '.join(WHOLE)}.")


def _read_pieces(folder: Path, index: Path, key: str) -> dict[str, Tensor]:
    places = read_json(index, key).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise UserError(f"{key}: {index} has no `weight_map` from tensors to files.")
    tensors: dict[str, Tensor] = {}
    for name in _beside(set(places.values()), index, key):
        if not (folder / name).is_file():
            raise UserError(f"{key}: {index} names {name}, which is not there.")
        tensors |= _read(folder / name, key)
    if missing := sorted(set(places) - set(tensors)):
        raise UserError(f"{key}: {index} names {missing[0]}, which no file has.")
    return tensors


def _beside(names: Iterable[str], index: Path, key: str) -> list[str]:
    """The names, of files that lie beside the index and nowhere else."""
    for name in names:
        if Path(name).name != name:
            raise UserError(f"{key}: {index} names {name}, which is not a file beside it.")
    return sorted(names)


def _read(path: Path, key: str) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{key}: {path} is refused, since it holds more than tensors and could run code.") from error
    except Exception as error:  # reading what is damaged may fail in any way
        raise UserError(f"{key}: {path} is damaged ({' '.join(str(error).split())[:120]}).") from error
    if not isinstance(content, dict):
        raise UserError(f"{key}: {path} holds no tensors by name.")
    return {name: item for name, item in content.items() if isinstance(item, Tensor)}
