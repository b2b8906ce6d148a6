"""A checkpoint without what was only of use in its training."""

from pathlib import Path

from dougong.checkpoint import file
from dougong.inference.model import load
from dougong.training.assemble import Assembly


def merge_checkpoint(checkpoint: str | Path, path: str | Path) -> None:
    """Write a checkpoint whose network is the plain one: what callbacks have put in is added to its weights.

    It answers as the other does, and needs nothing of what they need. It can't be gone on with.

    Raises:
        UserError: the checkpoint is missing, damaged or foreign.
    """
    content = file.load(Path(checkpoint).expanduser())
    task, config = load(checkpoint).task.cpu(), content[file.KEY]["config"]
    left_out = Assembly(config).adapters_chosen()
    kept = {key: node for key, node in (config.get("callback") or {}).items() if key not in left_out}
    description = {**content[file.KEY], "config": {**config, "callback": kept}}
    weights = {f"task.{name}": weight for name, weight in task.state_dict().items()}
    file.save({"state_dict": weights, file.KEY: description}, Path(path).expanduser())
