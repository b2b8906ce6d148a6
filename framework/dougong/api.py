"""What the command line does, from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS
from dougong.registry.plugin import Plugin
from dougong.registry.values import fill
from dougong.training.resume import AUTO, resume, split_words, unfinished
from dougong.training.run import RunResult
from dougong.training.run import run as run_training

if TYPE_CHECKING:
    from dougong.inference.model import Model


def train(overrides: Sequence[str] = (), folder: str | Path | None = None) -> RunResult:
    """Train what these command-line words compose: `train(["task=classification", "attention=local"])`.

    Args:
        overrides: as after `dougong train`; `["resume=FOLDER"]` goes on with a run, and `"trainer.devices=N"` beside it
            in another number of processes; `["resume=auto"]` with the newest unfinished one of the same configuration,
            if there is one.
        folder: the run's folder; by default a new one below `outputs/`.

    Raises:
        UserError: a word, or the data, is at fault.
    """
    from dougong.compose.compose import compose
    from dougong.compose.run_folder import make_run_folder
    from dougong.training.processes.follow import following

    if following():
        return run_training({}, Path())  # what the first process says
    named, words = split_words(overrides)
    if named not in (None, AUTO):
        return resume(named, words)
    config = compose(words)
    if named == AUTO and (earlier := unfinished(config, str(folder or "${run_folder:outputs}"))):
        return resume(str(earlier))
    return run_training(config, Path(folder or make_run_folder("outputs")), words=words)


def load(checkpoint: str | Path, plugin_path: Sequence[str] = ()) -> "Model":
    """The model of a checkpoint, ready to `predict`, `predict_file`, `evaluate` and `export`.

    Args:
        checkpoint: a file of a run, or a folder that `export(to="safetensors")` wrote.
        plugin_path: folders of plugins of your own that it needs.

    Raises:
        UserError: the file is missing, damaged or foreign.
    """
    from dougong.inference.model import load as load_model

    return load_model(checkpoint, plugin_path)


def evaluate(checkpoint: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Score a checkpoint: `evaluate("best.ckpt", ["split=valid", "data.path=reviews"])`.

    Args:
        overrides: as after `dougong evaluate`.

    Returns:
        The metrics by name, with `split`, `records` and `bad_rows`.

    Raises:
        UserError: a word, the checkpoint or the data is at fault.
    """
    from dougong.command_line.evaluate import evaluated

    return evaluated([f"checkpoint={checkpoint}", *overrides])


def create(kind: str, name: str, **arguments: Any) -> Any:
    """One plugin by itself, for use in plain PyTorch: `create("attention", "local", window=64)`.

    Args:
        kind, name: as in `dougong plugins`.
        arguments: its settings, and whatever else its constructor takes (an optimizer's `params`, an encoder's parts).

    Raises:
        UserError: there is no such plugin or setting, or a value is wrong.
    """
    known = plugins(kind)
    plugin = known.get(name)
    if plugin is None:
        raise UserError(f"{kind}/{name}: there is no such {kind}. {suggestion(name, known)}")
    signature = plugin.signature
    given = {*KINDS[kind].supplied, *(slot.name for slot in signature.slots)}
    parts = {key: value for key, value in arguments.items() if key in given}
    settings = fill(signature, {key: value for key, value in arguments.items() if key not in given}, f"{kind}/{name}")
    return plugin.load()(**parts, **settings)


def plugins(kind: str) -> dict[str, Plugin]:
    """The plugins of a kind, by name, from all sources.

    Raises:
        UserError: there is no such kind.
    """
    from dougong.compose.config_source import current_catalogue

    if kind not in KINDS:
        raise UserError(f"{kind}: there is no such kind of plugin. {suggestion(kind, KINDS, 'Kinds')}")
    return {plugin.name: plugin for plugin in current_catalogue() if plugin.kind == kind}
