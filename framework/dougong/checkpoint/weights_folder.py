"""A trained model as a folder: weights in safetensors, the rest in JSON. Reading it runs no code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from dougong.checkpoint import file
from dougong.errors import UserError

WEIGHTS, DESCRIPTION, TOKENIZER = "model.safetensors", "dougong.json", "tokenizer.json"
PARTS = ("config", "facts", "precision", "shared")


def save(folder: Path, weights: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a folder.

    Args:
        weights: of the task, by name; one that has several names is stored once.
        description: `config`, `facts`, `precision` and `tokenizer`, as in a checkpoint.
    """
    from safetensors.torch import save_file

    first: dict[tuple[int, tuple[int, ...], tuple[int, ...]], str] = {}
    shared = {}
    for name, tensor in weights.items():
        known = first.setdefault((tensor.data_ptr(), tuple(tensor.shape), tensor.stride()), name)
        if known != name and tensor.numel():
            shared[name] = known
    stored = {name: tensor.cpu().contiguous() for name, tensor in weights.items() if name not in shared}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(stored, folder / WEIGHTS, metadata={"format": "pt"})
    if description["tokenizer"] is not None:
        (folder / TOKENIZER).write_text(description["tokenizer"], encoding="utf-8")
    said = {"format": file.FORMAT, **{part: description[part] for part in PARTS if part != "shared"}, "shared": shared}
    (folder / DESCRIPTION).write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> dict[str, Any]:
    """What a folder holds, as the content of a checkpoint.

    Raises:
        UserError: it is incomplete, damaged or foreign.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if missing := [name for name in (DESCRIPTION, WEIGHTS) if not (folder / name).is_file()]:
        raise UserError(f"{folder}: not a model that `dougong export to=safetensors` wrote; {missing[0]} is missing.")
    try:
        said = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS)
        tokenizer = (folder / TOKENIZER).read_text(encoding="utf-8") if (folder / TOKENIZER).is_file() else None
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise UserError(f"{folder}: damaged ({' '.join(str(error).split())[:120]}).") from error
    if not isinstance(said, dict) or said.get("format") != file.FORMAT or any(part not in said for part in PARTS):
        raise UserError(f"{folder}: {DESCRIPTION} is not of this version of Dougong, or not complete.")
    shared = said["shared"]
    if not isinstance(shared, dict) or any(name not in weights for name in shared.values()):
        raise UserError(f"{folder}: damaged; `shared` of {DESCRIPTION} names weights that are not there.")
    weights |= {name: weights[known] for name, known in shared.items()}
    return {
        "state_dict": {f"task.{name}": tensor for name, tensor in weights.items()},
        file.KEY: {**said, "tokenizer": tokenizer},
    }
