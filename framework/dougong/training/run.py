"""One run: read the data, train, test. Torch is imported only once the data is known to be good."""

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dougong.compose.check import chosen, used_slots
from dougong.contracts.data import SPLITS, Data
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue
from dougong.registry.discovery import BUILT_IN
from dougong.registry.plugin import reason
from dougong.secrets import hide, hide_all, hide_word
from dougong.training.assemble import Assembly, Config
from dougong.training.fingerprint import check_unchanged
from dougong.training.hold import hold, writing_to
from dougong.training.interrupt import Interrupt, InterruptedRunError
from dougong.training.lifetime import ending, forget_peaks
from dougong.training.processes.follow import following, tell, told
from dougong.training.processes.launch import launch
from dougong.training.processes.place import place, under_torchrun
from dougong.training.processes.wanted import processes_wanted
from dougong.training.read import read

if TYPE_CHECKING:
    from dougong.checkpoint.recover import Saved

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
        seconds: how long it took.
        exit_code: of the command: 0; when interrupted 130 after ctrl-C, 75 after a scheduler's notice.
    """

    folder: Path
    checkpoint: Path | None
    metrics: dict[str, float]
    status: str
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    exit_code: int = 0


def run(config: Config, folder: Path, resume: bool = False, words: Sequence[str] | None = None) -> RunResult:
    """Train what the configuration says, in `folder`; with `resume`, go on where that folder's run was.

    Args:
        words: what was typed after `dougong train`, for the record.

    Raises:
        UserError: the data or the configuration is at fault.
    """
    if following():
        # A script that torchrun started in several processes comes here in each of them.
        return run_here(*(told() or (config, folder, resume)))
    if not resume and (folder / "checkpoints").exists():
        raise UserError(f"{folder}: holds a run already; go on with it by resume={folder}, or take another folder.")
    processes = processes_wanted(config["trainer"])
    with hold(folder):
        if words is not None:
            with writing_to(folder):
                update_record(folder, {"words": [hide_word(word) for word in words]})
        if processes > 1 and not under_torchrun():
            return _run_in(processes, config, folder, resume)
        if processes > 1:
            tell((config, folder, resume))
        return run_here(config, folder, resume)


def run_here(config: Config, folder: Path, resume: bool) -> RunResult:
    """The part of this process in a run; all of it where it is the only one."""
    started, before = time.perf_counter(), read_record(folder) if resume else {}
    forget_peaks()
    with Interrupt(waits=False) as interrupt:
        try:
            result = _run(config, folder, resume, interrupt)
        except InterruptedRunError:  # before or after the training itself
            last = folder / "checkpoints" / "last.ckpt"
            result = RunResult(folder, last if last.exists() else None, {}, "interrupted")
        seconds = round(time.perf_counter() - started, 1)
        if place().first:
            with suppress(OSError):  # what it was worth is in the checkpoints and the metrics as well
                end = {"status": result.status, "metrics": result.metrics, **ending(before, seconds)}
                update_record(folder, end)
        return replace(result, seconds=seconds, exit_code=interrupt.exit_code)


def _run(config: Config, folder: Path, resume: bool, interrupt: Interrupt) -> RunResult:
    found = _found(folder) if resume else None
    assembly = Assembly(config)
    data: Data = assembly.make("data")
    fingerprint = data.fingerprint()
    if found:
        accept = config.get("on_changed_data") == "accept"
        check_unchanged(found.state.get("data"), fingerprint, accept)
    data, records = read(assembly, SPLITS, data)
    import_plugins(config, assembly.catalogue)
    kept = hide_all(config)
    if not resume and place().first:
        with writing_to(folder):
            write_text(folder / CONFIG_FILE, yaml.safe_dump(kept, allow_unicode=True, sort_keys=False))
    from dougong.training.fit import fit  # torch comes with it

    return fit(kept, folder, data, records, assembly, found, fingerprint, interrupt)


def _found(folder: Path) -> "Saved":
    """What the processes go on from; the first sets aside what is damaged."""
    from dougong.checkpoint import file  # torch comes with it
    from dougong.checkpoint.recover import Saved, newest, sweep
    from dougong.training.processes import group

    group.join()
    # One looks whether all of it is whole; the others will only read what they need.
    found = newest(folder) if place().first else None
    path = group.from_first(found.path if found else folder)
    if found is not None:
        sweep(folder)
    return found or Saved(path, file.load_mapped(path))


def _run_in(processes: int, config: Config, folder: Path, resume: bool) -> RunResult:
    """Have several processes of this machine do it."""
    logs = [item for item in logging.getLogger().handlers if isinstance(item, logging.FileHandler)]
    log = logs[0].baseFilename if logs else None
    try:
        found = launch({"config": config, "folder": str(folder), "resume": resume, "log": log}, processes)
    except BaseException:
        if read_record(folder).get("status") == "running":  # it was killed before it could say otherwise
            update_record(folder, {"status": "failed", "ended": time.time()})
        raise
    checkpoint = found["checkpoint"] and Path(found["checkpoint"])
    return RunResult(**{**found, "folder": folder, "checkpoint": checkpoint})


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
    if not any((folder / "checkpoints").glob("*.ckpt")):
        raise UserError(f"resume={folder}: this run has not saved a checkpoint yet; start it anew.")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: damaged; it is not YAML of plain values ({' '.join(str(error).split())[:120]})."
        ) from error
    if not isinstance(config, dict) or not all(
        isinstance(config.get(part), dict) for part in ("task", "data", "trainer")
    ):
        raise UserError(f"{path}: damaged; it does not hold a configuration.")
    for plugins in config.get("plugin_path") or ():
        # A folder that came with the run was named by nobody here.
        if not Path(plugins).is_absolute() or folder.resolve() in Path(plugins).resolve().parents:
            raise UserError(f"plugin_path: {plugins} of {path} is not used; plugins lie outside of a run's folder.")
    return config


def read_record(folder: Path) -> dict[str, Any]:
    """What is recorded of a run in its folder."""
    path = folder / RECORD_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def update_record(folder: Path, entries: dict[str, Any]) -> None:
    """Add to what is recorded of a run."""
    record = {**read_record(folder), **entries}
    write_text(folder / RECORD_FILE, json.dumps(record, ensure_ascii=False, indent=1, default=str) + "\n")


@contextmanager
def failure_recorded(folder: Path) -> Iterator[None]:
    """What ends a run in this folder is recorded there, in a line."""
    others = (folder / "checkpoints").exists() and read_record(folder).get("status") == "finished"
    try:
        yield
    except BaseException as error:
        if not others:
            told = str(error) if isinstance(error, UserError) else reason(error)
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            with suppress(OSError):  # there may be no folder yet, or no room in it
                update_record(folder, {"status": status, "error": hide(told), "ended": time.time()})
        raise


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
