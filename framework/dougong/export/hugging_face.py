"""The encoder of a model and its tokenizer, as a folder that Transformers reads."""

import json
from pathlib import Path
from typing import Any

from dougong.contracts.tokenizer import END, MASK, PADDING, START, UNKNOWN
from dougong.inference.model import Model


def export(model: Model, folder: Path) -> list[str]:
    """Write `config.json`, `model.safetensors` and the tokenizer's files.

    Raises:
        UserError: no model of Transformers computes what the encoder does.
    """
    from safetensors.torch import save_file

    encoder = model.task.encoder
    made = encoder.hugging_face()
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in made.tensors.items()}
    dtype = str(next(iter(tensors.values())).dtype).removeprefix("torch.")
    _write(folder / "config.json", {**made.config, "dtype": dtype})
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_text(encoder.tokenizer.state(), encoding="utf-8")
    _write(folder / "tokenizer_config.json", _tokenizer_config(encoder.max_length))
    size = sum(tensor.numel() for tensor in tensors.values())
    head = f"the head of task={model.config['task']['name']} is not part of it"
    return [f"{made.config['architectures'][0]} with {size:,} parameters; {head}", *made.remarks]


def _tokenizer_config(longest: int | None) -> dict[str, Any]:
    """Which class reads `tokenizer.json`, and what its special tokens are for."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PADDING,
        "unk_token": UNKNOWN,
        "cls_token": START,
        "sep_token": END,
        "mask_token": MASK,
        **({} if longest is None else {"model_max_length": longest}),
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
