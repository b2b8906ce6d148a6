"""Where runs are: every folder below those that were named which holds a run."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dougong.errors import UserError

CONFIG, RECORD, METRICS = "config.yaml", "run.json", "metrics.csv"
USUAL = ("outputs", "multirun")
"""Where `dougong train` puts runs when it is told nothing."""


def find_runs(paths: Iterable[str | Path]) -> list[Path]:
    """The run folders at or below these paths, each once, by name; without paths, those of `outputs` and `multirun`.

    Raises:
        UserError: a path is no folder, or nothing is there.
    """
    given = [Path(path).expanduser() for path in paths] or [Path(name) for name in USUAL if Path(name).is_dir()]
    for path in given:
        if not path.is_dir():
            raise UserError(f"{path}: {'not a folder' if path.exists() else 'does not exist'}; name folders of runs.")
    found = {folder.resolve(): folder for path in given for folder in _below(path)}
    if not found:
        where = ", ".join(map(str, given)) or "outputs, multirun"
        raise UserError(f"{where}: no runs there; a run folder holds {CONFIG}, and `dougong train` makes one.")
    return sorted(found.values(), key=_natural)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, or what is left of one."""
    if (folder / RECORD).is_file():
        return True
    if not (folder / CONFIG).is_file():
        return False
    try:  # a file of that name is common: ours says what is trained on what
        lines = (folder / CONFIG).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return {"task:", "data:"} <= set(lines)


def _below(path: Path) -> Iterator[Path]:
    for name, folders, _ in os.walk(path):
        if is_run(Path(name)):
            folders.clear()
            yield Path(name)
        folders[:] = [folder for folder in folders if not folder.startswith(".")]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Job 10 comes after job 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in path.parts]
