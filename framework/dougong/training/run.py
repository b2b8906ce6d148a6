"""One run: read the data, train, test. Torch is imported only once the data is known to be good."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dougong.compose.check import chosen, used_slots
from dougong.contracts.data import SPLITS
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue
from dougong.registry.discovery import BUILT_IN
from dougong.training.assemble import Assembly, Config
from dougong.training.lifetime import lifetime
from dougong.training.read import read

CONFIG_FILE = "config.yaml"
RECORD_FILE = "run.json"


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Args:
        folder: the run's folder.
        checkpoint: the best checkpoint (the last where nothing was validated), None after a trial of a few batches.
        metrics: `valid/...` of the best checkpoint and `test/...`, where there are such splits.
        status: "finished" or "interrupted".
        notes: lines for the user.
    """

    folder: Path
    checkpoint: Path | None
    metrics: dict[str, float]
    status: str
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(config: Config, folder: Path, resume: bool = False) -> RunResult:
    """Train what the configuration says, in `folder`; with `resume`, go on where that folder's run was.

    Raises:
        UserError: the data or the configuration is at fault.
    """
    started = time.perf_counter()
    if not resume and (folder / "checkpoints").exists():
        raise UserError(f"{folder}: holds a run already; go on with it by resume={folder}, or take another folder.")
    assembly = Assembly(config)
    data, records = read(assembly, SPLITS)
    import_plugins(config, assembly.catalogue)
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        write_text(folder / CONFIG_FILE, yaml.safe_dump(config, allow_unicode=True, sort_keys=False))
    from dougong.training.fit import fit  # torch comes with it

    with lifetime(read_record(folder) if resume else {}, lambda entries: update_record(folder, entries)):
        result = fit(config, folder, data, records, assembly, resume)
        update_record(folder, {"status": result.status, "metrics": result.metrics})
    return RunResult(**{**vars(result), "seconds": round(time.perf_counter() - started, 1)})


def import_plugins(config: Config, catalogue: Catalogue) -> None:
    """Import all that is chosen, before anything is built and said.

    Raises:
        UserError: a plugin does not import.
    """
    slots = used_slots(config, catalogue).items()
    plugins = [plugin for name, kind in slots for plugin in chosen(config, name, kind, catalogue)]
    # Those of the user's own first: they may be at fault, and to see it may not even take torch.
    for plugin in sorted(plugins, key=lambda item: item.origin == BUILT_IN):
        plugin.load()


def load_config(folder: Path) -> Config:
    """The configuration of an earlier run.

    Raises:
        UserError: there is none in that folder.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UserError(f"resume={folder}: there is no run; a run folder holds {CONFIG_FILE}.")
    if not (folder / "checkpoints" / "last.ckpt").is_file():
        raise UserError(f"resume={folder}: this run has not saved a checkpoint yet; start it anew.")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise UserError(f"{path}: damaged; it does not hold a configuration.")
    return config


def read_record(folder: Path) -> dict[str, Any]:
    """What is recorded of a run in its folder."""
    path = folder / RECORD_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update_record(folder: Path, entries: dict[str, Any]) -> None:
    """Add to what is recorded of a run."""
    record = {**read_record(folder), **entries}
    write_text(folder / RECORD_FILE, json.dumps(record, ensure_ascii=False, indent=1, default=str) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
