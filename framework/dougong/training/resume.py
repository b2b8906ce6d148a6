"""Going on with runs: what may be said beside `resume`, and which run `resume=auto` is."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from dougong.errors import UserError, suggestion
from dougong.secrets import HIDDEN, hidden, hide_all
from dougong.training.assemble import Config
from dougong.training.hold import is_held
from dougong.training.processes.wanted import DEVICES, in_devices
from dougong.training.run import CONFIG_FILE, RunResult, failure_recorded, load_config, read_record, run

AUTO = "auto"
# What changes nothing of what a run computes.
MAY_CHANGE = (
    *("on_changed_data", "test", "loader.num_workers"),
    *("trainer.progress", "trainer.save_every", "trainer.save_minutes", "trainer.keep_last"),
)


def split_words(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The folder that `resume` names, None where it is not there, and the other words."""
    named = [word.partition("=")[2] for word in words if word.startswith("resume=")]
    return (named[-1] if named else None), [word for word in words if not word.startswith("resume=")]


def resume(name: str, others: Sequence[str] = ()) -> RunResult:
    """Go on with the run in a folder.

    Raises:
        UserError: there is no run there, or something is said that can't be changed.
    """
    folder = Path(name).expanduser()
    config = load_config(folder) if not others or folder.is_dir() else {}
    others = _given_again(config, others)
    changes = [_change(name, word) for word in others if not word.startswith(DEVICES)]
    config = config or load_config(folder)
    for key, value in changes:
        part = config
        *above, last = key.split(".")
        for step in above:
            part = part.setdefault(step, {})
        part[last] = value
    for key in hidden(config):
        raise UserError(f"{key}: its secret part was not kept; say dougong train resume={name} {key}=...")
    with failure_recorded(folder):
        return run(in_devices(config, others), folder, resume=True)


def _given_again(config: Config, words: Sequence[str]) -> list[str]:
    """Put back what is hidden in the configuration of a run and is said again; the words that are something else."""
    others = []
    for word in words:
        key, _, value = word.partition("=")
        *parts, name = key.split(".")
        node: Any = config
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict) and HIDDEN in str(node.get(name)) and node[name] == hide_all(value, name):
            node[name] = value
        else:
            others.append(word)
    return others


def _change(name: str, word: str) -> tuple[str, Any]:
    key, _, value = word.partition("=")
    if key not in MAY_CHANGE:
        raise UserError(
            f"resume={name}: a resumed run keeps its own configuration; leave out {word}. "
            f"{suggestion(key, (*MAY_CHANGE, DEVICES.removesuffix('=')), 'What may be given')}"
        )
    return key, yaml.safe_load(value)


def unfinished(config: Config, where: str) -> Path | None:
    """The newest run of a configuration that has saved and not finished, and that no process is busy with.

    Args:
        where: the run's folder as the configuration says it, with `${run_folder:BASE}` for a new one below a base.
    """
    found = [folder for folder in _folders(where) if _may_go_on(folder, config)]
    return max(found, key=lambda folder: (folder / CONFIG_FILE).stat().st_mtime_ns, default=None)


def _folders(where: str) -> Iterator[Path]:
    new = re.fullmatch(r"\$\{run_folder:(.+)\}", where)
    base = Path(new[1] if new else where).expanduser()
    return (path.parent for path in base.glob(f"*/*/{CONFIG_FILE}" if new else CONFIG_FILE))


def _may_go_on(folder: Path, config: Config) -> bool:
    try:
        if _identity(load_config(folder)) != _identity(config):
            return False
    except (UserError, yaml.YAMLError, OSError):
        return False
    return read_record(folder).get("status") != "finished" and not is_held(folder)


def _identity(config: Config) -> Config:
    return {key: value for key, value in config.items() if key not in ("resume", "on_changed_data")}
