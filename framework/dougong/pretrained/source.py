"""What the user's word for pretrained weights means: a folder, a checkpoint of ours, or a name on the hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from dougong.errors import UserError
from dougong.pretrained.hub import fetch

CONFIG = "config.json"
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_CHECKPOINTS = ("best.ckpt", "last.ckpt")


@dataclass(frozen=True)
class Source:
    """Where pretrained weights lie.

    Args:
        path: a folder in the format of Hugging Face or, where it is `ours`, a checkpoint file of Dougong's.
    """

    path: Path
    ours: bool


def find(named: str, key: str) -> Source:
    """What a word means; a model of the hub is fetched, once.

    Args:
        named: a folder, a checkpoint, a run folder, or a name on the hub.
        key: the setting, for messages.

    Raises:
        UserError: there is no such thing, or the hub can't be reached.
    """
    path = Path(named).expanduser()
    if path.is_file():
        return Source(path, ours=True)
    if path.is_dir():
        return _in_folder(path, key)
    if not _NAME.fullmatch(named) or named.startswith("."):
        raise UserError(f"{key}: {named} does not exist.")
    return Source(fetch(named, key), ours=False)


def _in_folder(folder: Path, key: str) -> Source:
    if (folder / CONFIG).is_file():
        return Source(folder, ours=False)
    for place in (folder, folder / "checkpoints"):
        for name in _CHECKPOINTS:
            if (place / name).is_file():
                return Source(place / name, ours=True)
    raise UserError(f"{key}: {folder} holds neither a {CONFIG} (Hugging Face) nor a checkpoint of Dougong's.")
