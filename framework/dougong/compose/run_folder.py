"""A folder of its own for each run, also for two that start in the same second."""

from datetime import datetime
from itertools import count
from pathlib import Path

from omegaconf import OmegaConf


def make_run_folder(base: str) -> str:
    """Makes and returns `BASE/DATE/TIME`, or `TIME-2`, `TIME-3`, ... where another run has that already."""
    started = Path(base) / datetime.now().strftime("%Y-%m-%d/%H-%M-%S")
    started.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = started if number == 1 else started.with_name(f"{started.name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return str(folder)
    raise AssertionError


def register_run_folder() -> None:
    """Let the configuration say `${run_folder:outputs}`; cached, so that a run asks for its folder only once."""
    OmegaConf.register_new_resolver("run_folder", make_run_folder, use_cache=True, replace=True)
