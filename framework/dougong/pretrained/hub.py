"""Models of the Hugging Face hub."""

import os
from pathlib import Path

from dougong.errors import UserError

_DESCRIPTION = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json")
_WEIGHTS = (
    ("model*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
)


def fetch(name: str, key: str) -> Path:
    """The folder of a model of the hub, fetched where it has not been before: its description, vocabulary and weights.

    Raises:
        UserError: there is no such model, or the hub can't be reached.
    """
    # Said before the import, which looks at it: the bars of several files at once make no sense in a log.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import snapshot_download

        for patterns in _WEIGHTS:
            folder = Path(snapshot_download(name, allow_patterns=[*_DESCRIPTION, *patterns]))
            if any(any(folder.glob(pattern)) for pattern in patterns):
                return folder
    except ImportError as error:
        raise UserError(f"{key}: {name} is no folder here; to fetch it, pip install huggingface_hub.") from error
    except Exception as error:  # whatever a network and its many layers may say
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{key}: {name} is no folder or file here, and can't be fetched from the Hugging Face hub "
            f"({type(error).__name__}: {reason})."
        ) from error
    raise UserError(f"{key}: {name} on the Hugging Face hub has neither model.safetensors nor pytorch_model.bin.")
