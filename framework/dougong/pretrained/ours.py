"""The encoder of a checkpoint of ours."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from dougong.checkpoint import file, spread
from dougong.errors import UserError
from dougong.pretrained.source import find

PREFIX = "task.encoder."


def description(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself: the configuration of its run, its tokenizer, ...

    Raises:
        UserError: it is damaged, or not a checkpoint of Dougong's.
    """
    content: dict[str, Any] = _content(path, path.stat().st_mtime_ns)[file.KEY]
    return content


def encoder_tensors(path: Path) -> dict[str, Any]:
    """The encoder's tensors, by the names that they have in it.

    Raises:
        UserError: it is damaged, not a checkpoint of Dougong's, or its weights are not those that it answers with.
    """
    state = _content(path, path.stat().st_mtime_ns)["state_dict"]
    if any(".base_layer." in name for name in state):
        raise UserError(
            f"{path}: holds updates that are not added to its weights (callback=lora); first write one in which they "
            f"are: dougong export checkpoint={path} to=dougong output=DIR"
        )
    _content.cache_clear()  # nobody asks again, and weights are large
    return {name.removeprefix(PREFIX): item for name, item in state.items() if name.startswith(PREFIX)}


@lru_cache(maxsize=1)
def _content(path: Path, modified: int) -> dict[str, Any]:
    """Read once, for the description and the weights; the optimizer's state is not kept."""
    content = file.load_mapped(path)
    return {file.KEY: content[file.KEY], "state_dict": spread.whole(content["state_dict"])}


def tokenizer_state(named: str, key: str) -> str:
    """The state of the tokenizer of a checkpoint (or of a run's best one).

    Raises:
        UserError: there is no such checkpoint, or it has no tokenizer.
    """
    source = find(named, key)
    state = description(source.path)["tokenizer"] if source.ours else None
    if state is None:
        raise UserError(f"{key}: {named} is no checkpoint of Dougong's with a tokenizer.")
    return str(state)
